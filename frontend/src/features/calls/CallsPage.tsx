import { NativeSelect, TextInput } from '@mantine/core'
import { useState } from 'react'
import { useCalls } from '../../api/queries'
import { useWords } from '../../i18n'
import { DataTable } from '../../ui/DataTable'
import { usePaging } from '../../ui/paging'
import { CallDrawer } from './CallDrawer'
import { callSeconds, Result, useTimes } from './parts'

export function CallsPage() {
  const { t } = useWords()
  const { moment } = useTimes()
  const { page, turn, filters, filter, query } = usePaging({ caller: '', direction: '' })
  const { data } = useCalls({ ...query, caller: query.caller.trim() })
  const [open, setOpen] = useState<string | null>(null)
  return (
    <DataTable
      title={t('calls.title')}
      extra={
        <>
          <TextInput size="xs" aria-label={t('calls.filter.caller')} placeholder={t('calls.filter.caller')} value={filters.caller} onChange={(event) => filter({ caller: event.currentTarget.value })} />
          <NativeSelect
            size="xs" aria-label={t('calls.filter.direction')} value={filters.direction} onChange={(event) => filter({ direction: event.currentTarget.value })}
            data={[{ value: '', label: t('calls.filter.all') }, ...(['inbound', 'internal', 'outbound'] as const).map((value) => ({ value, label: t(`direction.${value}`) }))]}
          />
        </>
      }
      columns={[
        { name: t('calls.time'), cell: (call) => moment(call.started_at) },
        {
          name: t('calls.caller'),
          cell: (call) => (
            <button type="button" className="rowbutton" onClick={() => setOpen(call.id)} aria-label={t('calls.open', { caller: call.caller || t('calls.anonymous') })}>
              {call.caller || t('calls.anonymous')}
            </button>
          ),
        },
        { name: t('calls.called'), className: 'wide', cell: (call) => call.called },
        { name: t('calls.direction'), className: 'wide', cell: (call) => t(`direction.${call.direction}`) },
        { name: t('calls.agent'), className: 'wide', cell: (call) => call.agent_name ?? '–' },
        { name: t('calls.duration'), className: 'number', cell: callSeconds },
        { name: t('calls.result'), cell: (call) => <Result call={call} /> },
      ]}
      rows={data?.data}
      keyOf={(call) => call.id}
      empty={t('calls.none')}
      page={page} pages={data?.pagination.pages ?? 1} turn={turn}
    >
      <CallDrawer id={open} close={() => setOpen(null)} />
    </DataTable>
  )
}
