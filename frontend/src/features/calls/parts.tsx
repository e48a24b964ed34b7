import type { Call } from '../../api/types'
import { useWords } from '../../i18n'
import { clock, duration, moment } from '../../ui/format'

/** Times as the chosen language writes them. */
export function useTimes() {
  const { language } = useWords()
  return {
    moment: (iso: string) => moment(iso, language),
    clock: (iso: string) => clock(iso, language),
  }
}

export function callSeconds(call: Call): string {
  if (!call.answered_at || !call.ended_at) return '–'
  return duration(Date.parse(call.ended_at) - Date.parse(call.answered_at))
}

export function Result({ call }: { call: Call }) {
  const { t, known } = useWords()
  if (!call.ended_at) return <>{t('cause.running')}</>
  return <>{call.cause ? known('cause', call.cause) : '–'}</>
}
