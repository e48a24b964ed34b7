import { NativeSelect, TextInput } from '@mantine/core'
import { useState } from 'react'
import { useRecordings } from '../../api/queries'
import type { Recording } from '../../api/types'
import { useWords, type Key } from '../../i18n'
import { DataTable } from '../../ui/DataTable'
import { duration, size } from '../../ui/format'
import { usePaging } from '../../ui/paging'
import { CallDrawer } from '../calls/CallDrawer'
import { useTimes } from '../calls/parts'
import { Player } from './Player'

export function RecordingsPage() {
  const { t, known } = useWords()
  const { moment } = useTimes()
  const { page, turn, filters, filter, query } = usePaging({ kind: '', q: '' })
  const [open, setOpen] = useState<string | null>(null)
  const { data } = useRecordings(query)
  return (
    <DataTable
      title={t('recordings.title')}
      extra={
        <div className="filters">
          <TextInput size="xs" type="search" aria-label={t('recordings.search')} placeholder={t('recordings.search')} value={filters.q} maxLength={80} onChange={(event) => filter({ q: event.currentTarget.value })} />
          <NativeSelect
            size="xs" aria-label={t('recordings.kind')} value={filters.kind} onChange={(event) => filter({ kind: event.currentTarget.value })}
            data={[{ value: '', label: t('recordings.kind.all') }, ...(['call', 'voicemail'] as const).map((value) => ({ value, label: t(`recordings.kind.${value}`) }))]}
          />
        </div>
      }
      columns={[
        {
          name: t('calls.time'), className: 'play',
          cell: (recording) => (recording.stored_at ? <Player id={recording.id} time={moment(recording.started_at)} /> : moment(recording.started_at)),
        },
        { name: t('calls.caller'), cell: (recording) => recording.caller || t('calls.anonymous') },
        { name: t('calls.agent'), className: 'wide', cell: (recording) => recording.agent_name ?? '–' },
        { name: t('recordings.kind'), className: 'wide', cell: (recording) => known('recordings.kind', recording.kind) },
        { name: t('calls.duration'), className: 'number', cell: (recording) => (recording.duration_ms === null ? '–' : duration(recording.duration_ms)) },
        { name: t('recordings.size'), className: 'number wide', cell: (recording) => size(recording.size_bytes) },
        { name: t('recordings.state'), className: 'wide', cell: (recording) => t(stateOf(recording)) },
        {
          name: t('call.title'),
          cell: (recording) => <button type="button" className="rowbutton" onClick={() => setOpen(recording.call_id)}>{t('recordings.show_call')}</button>,
        },
      ]}
      rows={data?.data}
      keyOf={(recording) => recording.id}
      empty={t('recordings.none')}
      page={page} pages={data?.pagination.pages ?? 1} turn={turn}
    >
      <CallDrawer id={open} close={() => setOpen(null)} />
    </DataTable>
  )
}

function stateOf(recording: Recording): Key {
  if (recording.failed_reason) return 'recordings.failed'
  if (!recording.stored_at) return 'recordings.running'
  return recording.complete ? 'recordings.complete' : 'recordings.incomplete'
}
