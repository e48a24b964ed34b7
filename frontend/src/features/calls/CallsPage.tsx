import { NativeSelect, Table, TextInput } from '@mantine/core'
import { useDebouncedValue } from '@mantine/hooks'
import { useState } from 'react'
import { useCalls } from '../../api/queries'
import { useWords } from '../../i18n'
import { Pages } from '../../ui/Pages'
import { Nothing, Panel } from '../../ui/Panel'
import { CallDrawer } from './CallDrawer'
import { callSeconds, Result, useTimes } from './parts'

export function CallsPage() {
  const { t } = useWords()
  const { moment } = useTimes()
  const [page, setPage] = useState(1)
  const [caller, setCaller] = useState('')
  const [direction, setDirection] = useState('')
  const [wanted] = useDebouncedValue(caller.trim(), 300)
  const { data } = useCalls({ page, limit: 20, caller: wanted, direction })
  const [open, setOpen] = useState<string | null>(null)
  return (
    <Panel
      title={t('calls.title')}
      extra={
        <>
          <TextInput size="xs" aria-label={t('calls.filter.caller')} placeholder={t('calls.filter.caller')} value={caller} onChange={(event) => { setCaller(event.currentTarget.value); setPage(1) }} />
          <NativeSelect
            size="xs" aria-label={t('calls.filter.direction')} value={direction} onChange={(event) => { setDirection(event.currentTarget.value); setPage(1) }}
            data={[{ value: '', label: t('calls.filter.all') }, ...(['inbound', 'internal', 'outbound'] as const).map((value) => ({ value, label: t(`direction.${value}`) }))]}
          />
        </>
      }
    >
      {data?.data.length === 0 ? <Nothing>{t('calls.none')}</Nothing> : null}
      <Table.ScrollContainer minWidth={340} type="native">
        <Table verticalSpacing={6} horizontalSpacing="md" highlightOnHover>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>{t('calls.time')}</Table.Th>
              <Table.Th>{t('calls.caller')}</Table.Th>
              <Table.Th className="wide">{t('calls.called')}</Table.Th>
              <Table.Th className="wide">{t('calls.direction')}</Table.Th>
              <Table.Th className="wide">{t('calls.agent')}</Table.Th>
              <Table.Th className="number">{t('calls.duration')}</Table.Th>
              <Table.Th>{t('calls.result')}</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {data?.data.map((call) => (
              <Table.Tr key={call.id}>
                <Table.Td>{moment(call.started_at)}</Table.Td>
                <Table.Td>
                  <button type="button" className="rowbutton" onClick={() => setOpen(call.id)} aria-label={t('calls.open', { caller: call.caller || t('calls.anonymous') })}>
                    {call.caller || t('calls.anonymous')}
                  </button>
                </Table.Td>
                <Table.Td className="wide">{call.called}</Table.Td>
                <Table.Td className="wide">{t(`direction.${call.direction}`)}</Table.Td>
                <Table.Td className="wide">{call.agent_name ?? '–'}</Table.Td>
                <Table.Td className="number">{callSeconds(call)}</Table.Td>
                <Table.Td><Result call={call} /></Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
      <Pages page={page} pages={data?.pagination.pages ?? 1} turn={setPage} />
      <CallDrawer id={open} close={() => setOpen(null)} />
    </Panel>
  )
}
