import { Button, Menu, VisuallyHidden } from '@mantine/core'
import { IconChevronDown } from '@tabler/icons-react'
import { useAgents, useEndWrapUp, useSetState } from '../../api/queries'
import type { Agent, AskedState } from '../../api/types'
import { useUser } from '../../api/useSession'
import { useWords } from '../../i18n'
import { Since, StateLabel } from '../../ui/State'
import { useNow } from '../../ui/useNow'

export const REASONS = ['break', 'lunch', 'meeting', 'training', 'paperwork'] as const

/** The agent that the signed-in person is, if any. */
export function useOwnAgent(): Agent | undefined {
  const { agent_id } = useUser()
  return useAgents().data?.find((agent) => agent.id === agent_id)
}

export function OwnState() {
  const { t } = useWords()
  const agent = useOwnAgent()
  const change = useSetState()
  if (!agent) return null
  const ask = (state: AskedState, reason = '') => change.mutate({ id: agent.id, state, reason })
  return (
    <>
      {agent.disposition_due ? <strong className="due">{t('wrapup.due.short')}</strong> : agent.state === 'wrap_up' ? <WrapUp agent={agent} /> : null}
      <Menu position="bottom-end" width={230} withinPortal>
        <Menu.Target>
          <Button
            variant="default" size="sm" loading={change.isPending}
            rightSection={<IconChevronDown size={16} aria-hidden />}
          >
            <VisuallyHidden>{t('state.yours')}</VisuallyHidden>
            <StateLabel state={agent.state} reason={agent.reason} />
            <span className="soft" style={{ marginLeft: 10 }} title={t('state.time')}><Since at={agent.since} /></span>
            {agent.pending ? <span className="soft">&nbsp;· {t('state.pending', { state: t(`state.${agent.pending}`) })}</span> : null}
          </Button>
        </Menu.Target>
        <StateMenu ask={ask} reasons={REASONS} />
      </Menu>
    </>
  )
}

interface StateMenuProps {
  ask: (state: AskedState, reason?: string) => void
  reasons: readonly string[]
}

export function StateMenu({ ask, reasons }: StateMenuProps) {
  const { known } = useWords()
  return (
    <Menu.Dropdown>
      <Menu.Item onClick={() => ask('available')}><StateLabel state="available" /></Menu.Item>
      <Menu.Divider />
      {reasons.map((reason) => (
        <Menu.Item key={reason} onClick={() => ask('away', reason)}>
          <StateLabel state="away" reason={known('reason', reason)} />
        </Menu.Item>
      ))}
      <Menu.Divider />
      <Menu.Item onClick={() => ask('offline')}><StateLabel state="offline" /></Menu.Item>
    </Menu.Dropdown>
  )
}

function WrapUp({ agent }: { agent: Agent }) {
  const { t } = useWords()
  const now = useNow()
  const end = useEndWrapUp()
  const left = agent.wrap_up_until ? Math.max(0, Math.ceil((Date.parse(agent.wrap_up_until) - now) / 1_000)) : null
  return (
    <Button size="sm" variant="default" loading={end.isPending} onClick={() => end.mutate(agent.id)}>
      {left === null ? null : <span style={{ marginRight: 8 }}>{t('wrapup.left', { seconds: left })}</span>}
      {t('wrapup.finish')}
    </Button>
  )
}
