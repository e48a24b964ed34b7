import { ActionIcon, Table } from '@mantine/core'
import { IconPhone } from '@tabler/icons-react'
import { useState } from 'react'
import { useCalls } from '../../api/queries'
import type { Call } from '../../api/types'
import { useUser } from '../../api/useSession'
import { useWords } from '../../i18n'
import { startOfToday } from '../../ui/format'
import { Nothing, Panel } from '../../ui/Panel'
import { useOwnAgent } from '../shell/OwnState'
import { CallDrawer } from '../calls/CallDrawer'
import { callSeconds, Result, useTimes } from '../calls/parts'
import { dialString } from './dialString'
import { useDial } from './useDial'

export function MyCalls() {
  const { t } = useWords()
  const { agent_id } = useUser()
  const { data } = useCalls({ page: 1, limit: 50, since: startOfToday(), agent_id })
  const own = useOwnAgent()
  const [open, setOpen] = useState<string | null>(null)
  const calls = data?.data ?? []
  return (
    <Panel title={t('calls.today')} extra={<span className="soft">{data?.pagination.total ?? ''}</span>}>
      {data && calls.length === 0 ? <Nothing>{t('calls.none')}</Nothing> : null}
      {calls.length > 0 ? (
        <Table.ScrollContainer minWidth={430} type="native">
          <Table verticalSpacing={5} horizontalSpacing="md" highlightOnHover>
            <Table.Thead>
              <Table.Tr>
                <Table.Th>{t('calls.time')}</Table.Th>
                <Table.Th>{t('calls.party')}</Table.Th>
                <Table.Th className="number">{t('calls.duration')}</Table.Th>
                <Table.Th>{t('calls.result')}</Table.Th>
                <Table.Th aria-hidden />
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>{calls.map((call) => <Row key={call.id} call={call} own={own?.extension} open={() => setOpen(call.id)} />)}</Table.Tbody>
          </Table>
        </Table.ScrollContainer>
      ) : null}
      <CallDrawer id={open} close={() => setOpen(null)} />
    </Panel>
  )
}

function Row({ call, own, open }: { call: Call; own: string | undefined; open: () => void }) {
  const { t } = useWords()
  const { moment } = useTimes()
  const { dial, busy } = useDial()
  const other = call.direction === 'outbound' || call.caller === own ? call.called : call.caller
  const party = other || t('calls.anonymous')
  const number = dialString(other)
  return (
    <Table.Tr>
      <Table.Td>{moment(call.started_at)}</Table.Td>
      <Table.Td>
        <button type="button" className="rowbutton" onClick={open} aria-label={t('calls.open', { caller: party })}>{party}</button>{' '}
        <span className="soft">{t(`direction.${call.direction}`)}</span>
      </Table.Td>
      <Table.Td className="number">{callSeconds(call)}</Table.Td>
      <Table.Td><Result call={call} /></Table.Td>
      <Table.Td className="number">
        {number ? (
          <ActionIcon className="plain" variant="subtle" color="gray" c="inherit" size={28} disabled={busy} onClick={() => dial(number)} aria-label={t('calls.call_back', { number })}>
            <IconPhone size={16} aria-hidden />
          </ActionIcon>
        ) : null}
      </Table.Td>
    </Table.Tr>
  )
}
