import { IconAlertTriangle, IconMaximize, IconPlugConnectedX } from '@tabler/icons-react'
import { useEffect } from 'react'
import { Link } from 'wouter'
import { useAgents, useQueues } from '../../api/queries'
import type { AgentState, Queue } from '../../api/types'
import { useWords } from '../../i18n'
import type { FeedStatus } from '../../live/feed'
import { StateLabel } from '../../ui/State'
import { clock, duration } from '../../ui/format'
import { useNow } from '../../ui/useNow'
import { LONG_WAIT_MS, waitNow } from '../supervisor/QueuesPanel'
import { formulaOf, levelOf, missesTarget } from '../supervisor/ServiceLevel'

const STATES: AgentState[] = ['available', 'offered', 'engaged', 'wrap_up', 'away', 'not_responding', 'offline']

/** The floor on a big screen: to be read across a room, and never silently out of date. */
export function Wallboard({ feed }: { feed: FeedStatus }) {
  const { t, language } = useWords()
  const { data: queues = [], dataUpdatedAt } = useQueues()
  const { data: agents = [] } = useAgents()
  const now = useNow()
  useEffect(() => {
    document.title = `${t('wall.title')} · ${t('app.name')}`
  }, [t])
  const counts = STATES.map((state) => [state, agents.filter((agent) => agent.state === state).length] as const)
  return (
    <main className="wall" data-feed={feed}>
      <header>
        <h1>{t('wall.title')}</h1>
        <time>{clock(new Date(now).toISOString(), language)}</time>
        <span className="grow" />
        <Link href="/supervisor" className="wall-button">{t('wall.back')}</Link>
        {document.fullscreenEnabled ? (
          <button type="button" className="wall-button" onClick={() => void toggleFullScreen()}>
            <IconMaximize size="1.2em" aria-hidden /> {t('wall.full')}
          </button>
        ) : null}
      </header>
      <div role="alert">
        {feed === 'offline' ? <div className="wall-lost"><IconPlugConnectedX size="1.4em" aria-hidden /> {t('wall.lost')}</div> : null}
      </div>
      <section className="wall-queues" aria-label={t('queues.title')}>
        {queues.map((queue) => <QueueCard key={queue.id} queue={queue} wait={waitNow(queue, dataUpdatedAt, now)} />)}
      </section>
      <section className="wall-agents" aria-label={t('agents.title')}>
        {counts.map(([state, count]) => (
          <div key={state} data-none={count === 0 || undefined}>
            <b>{count}</b> <StateLabel state={state} />
          </div>
        ))}
      </section>
    </main>
  )
}

async function toggleFullScreen(): Promise<void> {
  if (document.fullscreenElement) await document.exitFullscreen()
  else await document.documentElement.requestFullscreen()
}

/** What is wrong stands there in colour, with a sign and in words. */
function QueueCard({ queue, wait }: { queue: Queue; wait: number }) {
  const words = useWords()
  const { t } = words
  const late = wait >= LONG_WAIT_MS
  const unmanned = queue.waiting > 0 && queue.agents_logged_in === 0
  const misses = missesTarget(queue)
  const alarms = [unmanned ? t('wall.unmanned') : null, late ? t('wall.late') : null, misses ? t('queues.level.missed') : null].filter(Boolean)
  return (
    <article data-alarm={alarms.length > 0 || undefined}>
      <h2>{queue.name}</h2>
      <p className="wall-alarm" role="status">
        {alarms.length > 0 ? <><IconAlertTriangle size="1.1em" aria-hidden /> {alarms.join(' · ')}</> : null}
      </p>
      <dl>
        <Figure name={t('queues.waiting')} value={String(queue.waiting)} alarm={unmanned} big />
        <Figure name={t('queues.longest')} value={queue.waiting > 0 ? duration(wait) : '–'} alarm={late} big />
        <Figure name={t('queues.level')} value={levelOf(queue)} alarm={misses} big title={formulaOf(queue, words)} />
        <Figure name={t('wall.answered')} value={String(queue.answered)} />
        <Figure name={t('wall.abandoned')} value={String(queue.abandoned)} />
        <Figure name={t('wall.free')} value={`${queue.agents_available} / ${queue.agents_logged_in}`} alarm={unmanned} />
      </dl>
    </article>
  )
}

interface FigureProps {
  name: string
  value: string
  alarm?: boolean
  big?: boolean
  title?: string
}

function Figure({ name, value, alarm = false, big = false, title }: FigureProps) {
  return (
    <div className={big ? 'wall-big' : undefined} title={title}>
      <dt>{name}</dt>
      <dd className={alarm ? 'alarm' : undefined}>{alarm ? <span aria-hidden>▲ </span> : null}{value}</dd>
    </div>
  )
}
