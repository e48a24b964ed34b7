import { Button } from '@mantine/core'
import { IconLifebuoy } from '@tabler/icons-react'
import { Link, useLocation } from 'wouter'
import { useAgents, useLiveCalls, useTakeHelp } from '../../api/queries'
import { useWords } from '../../i18n'
import { Since } from '../../ui/State'
import { Supervision } from './LiveCallsPanel'

/** Agents who ask for help: on every page of a supervisor, until the call is over. */
export function HelpAlerts() {
  const { t, known } = useWords()
  const [path] = useLocation()
  const { data: calls = [] } = useLiveCalls()
  const { data: agents = [] } = useAgents()
  const take = useTakeHelp()
  const asking = calls.filter((call) => call.help)
  return (
    <div role="alert">
      {asking.map((call) => {
        const help = call.help!
        const name = agents.find((agent) => agent.id === help.agent_id)?.name ?? '–'
        const caller = call.caller || t('calls.anonymous')
        return (
          <div className="help" key={call.id} data-taken={help.taken_by !== null || undefined}>
            <IconLifebuoy size={22} aria-hidden />
            <div className="help-what">
              <div><b>{t('help.alert', { name, reason: known('help.reason', help.reason) })}</b> <span className="soft"><Since at={help.since} /></span></div>
              <div>{help.text ? <><q>{help.text}</q> · </> : null}{t('help.call', { caller })}{help.taken_by ? <> · {t('help.taken', { name: help.taken_by })}</> : null}</div>
            </div>
            {help.taken_by ? null : <Button size="compact-sm" loading={take.isPending} onClick={() => take.mutate(call.id)}>{t('help.take')}</Button>}
            {path === '/supervisor' ? <Supervision call={call} caller={caller} hangsUp={false} /> : <Link href="/supervisor" className="rowbutton">{t('help.go')}</Link>}
          </div>
        )
      })}
    </div>
  )
}
