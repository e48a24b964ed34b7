import { createContext, useContext, useEffect, useMemo, useRef, useState, useSyncExternalStore, type ReactNode } from 'react'
import { api } from '../api/client'
import { ApiError } from '../api/error'
import { keys } from '../api/queries'
import { useQueryClient } from '@tanstack/react-query'
import type { Agent, SoftphoneTicket } from '../api/types'
import { useUser } from '../api/useSession'
import { translateKnown, useWords } from '../i18n'
import { notify } from '../ui/notices'
import { chosenDevice, probeMicrophone, watchMicrophone, type MicrophoneState } from './devices'
import type { Loss, PhoneState } from './machine'
import { waitForTurn, type Turn } from './oneTab'
import { Phone } from './phone'
import type { Quality } from './quality'
import { Ringtone } from './ringtone'
import { startSipAgent } from './sipAgent'

interface PhoneTools {
  phone: Phone
  microphone: MicrophoneState
  tryMicrophone: () => Promise<void>
  /** Be the phone in this tab instead of another. */
  take: () => void
  /** The chosen speaker has changed. */
  useSpeaker: () => void
}

const Context = createContext<PhoneTools | null>(null)

/** States in which a call may come, or goes on: only from these is anybody sent away. */
const ON_DUTY = ['available', 'offered', 'engaged', 'wrap_up', 'not_responding']

export function usePhoneTools(): PhoneTools {
  const tools = useContext(Context)
  if (!tools) throw new Error('outside of the PhoneProvider')
  return tools
}

export function usePhone(): PhoneState {
  const { phone } = usePhoneTools()
  return useSyncExternalStore(phone.subscribe, phone.get)
}

export function useQuality(): Quality | null {
  const { phone } = usePhoneTools()
  return useSyncExternalStore(phone.subscribe, phone.getQuality)
}

export function PhoneProvider({ children }: { children: ReactNode }) {
  const user = useUser()
  const client = useQueryClient()
  const speaker = useRef<HTMLAudioElement>(null)
  const turn = useRef<Turn | null>(null)
  const [microphone, setMicrophone] = useState<MicrophoneState>('there')
  const [ringtone] = useState(() => new Ringtone())
  const agentId = user.agent_id

  const [phone] = useState(
    () =>
      new Phone({
        fetchTicket: () => api.post<SoftphoneTicket>('/softphone/tickets'),
        startAgent: startSipAgent,
        now: Date.now,
        ring: () => ringtone.start(chosenDevice('ringer')),
        quiet: () => ringtone.stop(),
        play: (stream) => {
          const element = speaker.current
          if (!element) return
          element.srcObject = stream
          useChosenSpeaker(element)
          if (stream) void element.play().catch(() => {})
        },
        setAway: (why) => void sendAway(why),
        microphone: () => chosenDevice('microphone'),
        meansNoPhone: (error) => error instanceof ApiError && [403, 404, 409].includes(error.status),
      }),
  )

  async function sendAway(why: Loss) {
    const agent = client.getQueryData<Agent[]>(keys.agents)?.find((one) => one.id === agentId)
    if (!agent || !ON_DUTY.includes(agent.state)) return
    try {
      await api.put<Agent>(`/agents/${agent.id}/state`, { state: 'away', reason: why })
      const told = (words: { t: ReturnType<typeof useWords>['t']; language: ReturnType<typeof useWords>['language'] }) =>
        words.t('phone.set_away', { reason: translateKnown(words.language, 'reason', why) })
      notify('warning', told, 60_000)
    } catch {
      // Nobody to tell: the server then sees for itself that the phone is gone.
    }
  }

  useEffect(() => {
    const hear = (state: MicrophoneState) => {
      setMicrophone(state)
      phone.microphoneIs(state === 'there')
    }
    const current = waitForTurn(
      user.id,
      () => void phone.start().then(async () => {
        const { link } = phone.get()
        if (link !== 'no_phone' && link !== 'elsewhere') hear(await probeMicrophone())
      }),
      () => phone.stop('elsewhere'),
    )
    turn.current = current
    if (phone.get().link === 'off' && 'locks' in navigator) {
      // Until our turn has come, it is another tab's.
      void navigator.locks.query().then(({ held }) => {
        if (held?.some((lock) => lock.name?.endsWith(user.id)) && phone.get().link === 'off') phone.stop('elsewhere')
      })
    }
    const unwatch = watchMicrophone(hear)
    return () => {
      unwatch()
      current.stop()
      phone.stop('off')
    }
  }, [phone, user.id])

  useNotification(phone)
  useKeys(phone)

  const tools = useMemo<PhoneTools>(
    () => ({
      phone,
      microphone,
      tryMicrophone: async () => {
        const state = await probeMicrophone()
        setMicrophone(state)
        phone.microphoneIs(state === 'there')
      },
      take: () => turn.current?.take(),
      useSpeaker: () => speaker.current && useChosenSpeaker(speaker.current),
    }),
    [phone, microphone],
  )

  return (
    <Context.Provider value={tools}>
      {children}
      {/* Web audio gets a remote voice only where an element plays it too. */}
      <audio ref={speaker} hidden />
    </Context.Provider>
  )
}

function useChosenSpeaker(element: HTMLAudioElement): void {
  if ('setSinkId' in element) void element.setSinkId(chosenDevice('speaker') ?? '').catch(() => {})
}

/** F keys: letters alone would be typed by accident, and read out by screen readers. */
function useKeys(phone: Phone): void {
  useEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      if (event.repeat || event.ctrlKey || event.altKey || event.metaKey || event.shiftKey) return
      const { line } = phone.get()
      if (line === 'idle') return
      if (event.key === 'F2') phone.accept()
      else if (event.key === 'F4') phone.toggleMute()
      else if (event.key === 'F8') dispatchEvent(new Event('murima-hold'))
      else if (event.key === 'F9') phone.hangUp()
      else return
      event.preventDefault()
    }
    addEventListener('keydown', pressed)
    return () => removeEventListener('keydown', pressed)
  }, [phone])
}

/** A call that rings shows outside of the browser too, where the person has allowed it. */
function useNotification(phone: Phone): void {
  const { t } = useWords()
  useEffect(() => {
    let shown: Notification | null = null
    const look = () => {
      const { line, party } = phone.get()
      if (line === 'ringing' && !shown && (document.hidden || !document.hasFocus()) && 'Notification' in window && Notification.permission === 'granted') {
        const body = party?.name ? t('phone.incoming.queue', { queue: party.name }) : ''
        shown = new Notification(`${t('phone.incoming')}: ${party?.number || t('calls.anonymous')}`, {
          body, tag: 'murima-call', requireInteraction: true, icon: '/icon.svg',
        })
        shown.onclick = () => window.focus()
      } else if (line !== 'ringing' && shown) {
        shown.close()
        shown = null
      }
    }
    const stop = phone.subscribe(look)
    return () => {
      stop()
      shown?.close()
    }
  }, [phone, t])
}
