import { Button, Menu, Table, VisuallyHidden } from '@mantine/core'
import { IconChevronDown } from '@tabler/icons-react'
import { useAgents, useDeviceTests, useLiveCalls, useSetState } from '../../api/queries'
import type { Agent, AgentState, LiveCall } from '../../api/types'
import { supervises, useUser } from '../../api/useSession'
import { useWords } from '../../i18n'
import { Nothing, Panel } from '../../ui/Panel'
import { Since, StateLabel } from '../../ui/State'
import { Verdict } from '../desk/DeviceTestDialog'
import { ServedQueues } from './ServedQueues'
import { REASONS, StateMenu } from '../shell/OwnState'

const ORDER: AgentState[] = ['available', 'offered', 'engaged', 'wrap_up', 'away', 'not_responding', 'offline']

export function AgentsPanel() {
  const { t } = useWords()
  const { data: agents = [] } = useAgents()
  const { data: calls = [] } = useLiveCalls()
  const counts = ORDER.map((state) => [state, agents.filter((agent) => agent.state === state).length] as const)
  return (
    <Panel
      title={t('agents.title')}
      extra={
        <span className="counts wide">
          {counts.filter(([, count]) => count > 0).map(([state, count]) => (
            <span key={state}><StateLabel state={state} /> <b>{count}</b></span>
          ))}
        </span>
      }
    >
      {agents.length === 0 ? <Nothing>{t('agents.none')}</Nothing> : null}
      <Table.ScrollContainer minWidth={340} type="native">
        <Table verticalSpacing={6} horizontalSpacing="md" highlightOnHover>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>{t('agents.name')}</Table.Th>
              <Table.Th className="wide">{t('agents.extension')}</Table.Th>
              <Table.Th>{t('agents.state')}</Table.Th>
              <Table.Th className="number">{t('agents.since')}</Table.Th>
              <Table.Th>{t('agents.call')}</Table.Th>
              <Table.Th className="wide">{t('queues.title')}</Table.Th>
              <Table.Th className="wide">{t('agents.phone')}</Table.Th>
              <Table.Th className="wide">{t('device.column')}</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {agents.map((agent) => <AgentRow key={agent.id} agent={agent} call={callOf(agent, calls)} />)}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
    </Panel>
  )
}

function callOf(agent: Agent, calls: LiveCall[]): LiveCall | undefined {
  return calls.find((call) => call.id === agent.call_id || call.legs.some((leg) => leg.agent_id === agent.id))
}

function AgentRow({ agent, call }: { agent: Agent; call: LiveCall | undefined }) {
  const { t } = useWords()
  const { role } = useUser()
  const change = useSetState()
  const test = useDeviceTests().data?.find((one) => one.agent_id === agent.id)
  return (
    <Table.Tr>
      <Table.Th scope="row">{agent.name}</Table.Th>
      <Table.Td className="wide">{agent.extension}</Table.Td>
      <Table.Td>
        {supervises(role) ? (
          <Menu position="bottom-start" width={230} withinPortal>
            <Menu.Target>
              <Button
                variant="subtle" color="gray" size="compact-sm" loading={change.isPending} c="inherit" fw={400}
                rightSection={<IconChevronDown size={14} aria-hidden />}
              >
                <VisuallyHidden>{t('state.change_of', { name: agent.name })}</VisuallyHidden>
                <StateLabel state={agent.state} reason={agent.reason} />
              </Button>
            </Menu.Target>
            <StateMenu
              reasons={['supervisor', ...REASONS]}
              ask={(state, reason = '') => change.mutate({ id: agent.id, state, reason })}
            />
          </Menu>
        ) : <StateLabel state={agent.state} reason={agent.reason} />}
        {agent.pending ? <span className="soft"> {t('state.pending', { state: t(`state.${agent.pending}`) })}</span> : null}
      </Table.Td>
      <Table.Td className="number"><Since at={agent.since} /></Table.Td>
      <Table.Td>{call ? <>{call.caller || t('calls.anonymous')} {call.queue ? <span className="soft">· {call.queue}</span> : null}</> : '–'}</Table.Td>
      <Table.Td className="wide"><ServedQueues agent={agent} change={supervises(role)} /></Table.Td>
      <Table.Td className="wide">{agent.reachable ? t('agents.reachable') : <span className="alarm">{t('agents.unreachable')}</span>}</Table.Td>
      <Table.Td className="wide">{test ? <Verdict test={test} /> : <span className="soft">–</span>}</Table.Td>
    </Table.Tr>
  )
}
