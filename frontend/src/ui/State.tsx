import type { AgentState } from '../api/types'
import { useWords } from '../i18n'
import { duration } from './format'
import { useNow } from './useNow'

const LOOKS: Record<AgentState, { tone: string; shape: 'dot' | 'ring' | 'bar' }> = {
  available: { tone: 'var(--ok)', shape: 'dot' },
  offered: { tone: 'var(--warn)', shape: 'ring' },
  engaged: { tone: 'var(--busy)', shape: 'dot' },
  wrap_up: { tone: 'var(--warn)', shape: 'dot' },
  away: { tone: 'var(--quiet)', shape: 'bar' },
  not_responding: { tone: 'var(--busy)', shape: 'ring' },
  offline: { tone: 'var(--quiet)', shape: 'ring' },
}

/** Colour and shape say the same as the word, for who sees only one of them. */
export function StateLabel({ state, reason }: { state: AgentState; reason?: string }) {
  const { t, known } = useWords()
  const { tone, shape } = LOOKS[state]
  return (
    <span className="state" data-shape={shape} style={{ ['--tone' as string]: tone }}>
      <span>
        {t(`state.${state}`)}
        {reason ? <span className="soft"> · {known('reason', reason)}</span> : null}
      </span>
    </span>
  )
}

/** Running time since a moment of the server; a timer is not read out with each change of it. */
export function Since({ at }: { at: string }) {
  const now = useNow()
  return <span role="timer">{duration(now - Date.parse(at))}</span>
}
