import { Button, Group, Modal, Table } from '@mantine/core'
import { useState } from 'react'
import { useAgents, useHangUp, useLiveCalls, useSupervise } from '../../api/queries'
import type { Agent, LiveCall, SupervisionMode } from '../../api/types'
import { supervises, useUser } from '../../api/useSession'
import { END } from '../../theme'
import { useWords } from '../../i18n'
import { usePhoneTools } from '../../phone/PhoneProvider'
import { Nothing, Panel } from '../../ui/Panel'
import { QualityMark } from '../../ui/QualityMark'
import { Since } from '../../ui/State'
import { worstLeg } from './worstLeg'

const MODES: SupervisionMode[] = ['listen', 'whisper', 'barge', 'take_over']

export function LiveCallsPanel() {
  const { t } = useWords()
  const { data: calls = [] } = useLiveCalls()
  return (
    <Panel title={t('calls.live')} extra={<b>{calls.length}</b>}>
      {calls.length === 0 ? <Nothing>{t('calls.live.none')}</Nothing> : (
        <Table.ScrollContainer minWidth={340} type="native" tabIndex={0} role="group" aria-label={t('calls.live')}>
          <Table className="live" verticalSpacing={6} horizontalSpacing="sm" highlightOnHover>
            <Table.Thead>
              <Table.Tr>
                <Table.Th>{t('calls.caller')}</Table.Th>
                <Table.Th className="wide">{t('calls.called')}</Table.Th>
                <Table.Th>{t('agents.state')}</Table.Th>
                <Table.Th>{t('calls.agent')}</Table.Th>
                <Table.Th className="number">{t('calls.duration')}</Table.Th>
                <Table.Th>{t('quality.title')}</Table.Th>
                <Table.Th aria-hidden />
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>{calls.map((call) => <CallRow key={call.id} call={call} />)}</Table.Tbody>
          </Table>
        </Table.ScrollContainer>
      )}
    </Panel>
  )
}

function CallRow({ call }: { call: LiveCall }) {
  const { t, known } = useWords()
  const { role } = useUser()
  const { data: agents = [] } = useAgents()
  const agent = agents.find((one) => one.id === (call.agent_id ?? call.legs.find((leg) => leg.agent_id)?.agent_id))
  const caller = call.caller || t('calls.anonymous')
  return (
    <Table.Tr>
      <Table.Th scope="row">{caller}</Table.Th>
      <Table.Td className="wide">{call.called}</Table.Td>
      <Table.Td>{known('call.state', call.state)}{call.queue || call.node ? <span className="soft"> · {call.queue || call.node}</span> : null}</Table.Td>
      <Table.Td>{agent?.name ?? '–'}</Table.Td>
      <Table.Td className="number"><Since at={call.started_at} /></Table.Td>
      <Table.Td className="sound"><WorstQuality call={call} caller={caller} agents={agents} /></Table.Td>
      <Table.Td>{supervises(role) ? <Supervision call={call} caller={caller} /> : null}</Table.Td>
    </Table.Tr>
  )
}

/** How the worst line of a call sounds, and whose it is. */
function WorstQuality({ call, caller, agents }: { call: LiveCall; caller: string; agents: Agent[] }) {
  const worst = worstLeg(call)
  if (!worst) return <>–</>
  const agent = agents.find((one) => one.id === worst.agent_id)
  const { verdict, loss_percent, jitter_ms, round_trip_ms, mos } = worst.quality
  const figures = { verdict, lossPercent: loss_percent, jitterMs: jitter_ms, roundTripMs: round_trip_ms, mos }
  return <QualityMark of={figures} whose={agent?.name ?? (worst.role === 'caller' ? caller : worst.party)} />
}

export function Supervision({ call, caller, hangsUp = true }: { call: LiveCall; caller: string; hangsUp?: boolean }) {
  const { t } = useWords()
  const supervise = useSupervise()
  const hangUp = useHangUp()
  const { phone } = usePhoneTools()
  const [sure, setSure] = useState(false)
  const own = call.legs.find((leg) => leg.role === 'supervisor' && leg.party === phone.user)
  const mode = own?.is_answered ? own.mode : null
  const enter = (wanted: SupervisionMode | null) => {
    // The server rings our phone; who has asked for it need not answer it too.
    if (wanted && !own) phone.expectCall()
    supervise.mutate({ id: call.id, mode: wanted })
  }
  return (
    <>
      <Group gap={6} className="actions" role="group" aria-label={t('supervise.label', { caller })}>
        {call.state === 'talking' ? MODES.map((one) => (
          <Button
            key={one} size="compact-sm" variant={mode === one ? 'filled' : 'default'} aria-pressed={mode === one} title={t(`supervise.${one}.hint`)}
            disabled={one === 'take_over' && !mode}
            loading={supervise.isPending && supervise.variables?.mode === one} onClick={() => enter(one)}
          >
            {t(`supervise.${one}`)}
          </Button>
        )) : null}
        {mode ? <Button size="compact-sm" variant="outline" onClick={() => enter(null)}>{t('supervise.end')}</Button> : null}
        {hangsUp ? <Button size="compact-sm" variant="outline" color="red" c="var(--busy)" onClick={() => setSure(true)}>{t('supervise.hang_up')}</Button> : null}
      </Group>
      <Modal opened={sure} onClose={() => setSure(false)} title={t('supervise.hang_up.sure', { caller })} closeButtonProps={{ 'aria-label': t('confirm.no') }}>
        <Group justify="flex-end">
          <Button variant="default" data-autofocus onClick={() => setSure(false)}>{t('confirm.no')}</Button>
          <Button color={END} loading={hangUp.isPending} onClick={() => hangUp.mutate(call.id, { onSuccess: () => setSure(false) })}>{t('confirm.yes')}</Button>
        </Group>
      </Modal>
    </>
  )
}
