import { useQueryClient } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { session } from '../api/session'
import { Applier } from './apply'
import { Feed, type FeedStatus, type Wire } from './feed'

function open(): Wire {
  const scheme = location.protocol === 'https:' ? 'wss' : 'ws'
  return new WebSocket(`${scheme}://${location.host}/ws/v1/events`, 'murima.events') as unknown as Wire
}

/** Runs the live feed for as long as somebody is signed in. */
export function useFeed(): FeedStatus {
  const client = useQueryClient()
  const [status, setStatus] = useState<FeedStatus>('connecting')
  useEffect(() => {
    const applier = new Applier(client)
    const feed = new Feed({
      open,
      token: () => session.token(),
      renew: () => session.renew(),
      take: applier.take,
      changed: setStatus,
      random: Math.random,
    })
    const hurry = () => feed.hurry()
    addEventListener('online', hurry)
    feed.start()
    return () => {
      removeEventListener('online', hurry)
      feed.stop()
      applier.stop()
    }
  }, [client])
  return status
}
