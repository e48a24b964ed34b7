import { NativeSelect, Table } from '@mantine/core'
import { useState } from 'react'
import { useRecordings } from '../../api/queries'
import type { Recording } from '../../api/types'
import { useWords, type Key } from '../../i18n'
import { duration, size } from '../../ui/format'
import { Pages } from '../../ui/Pages'
import { Nothing, Panel } from '../../ui/Panel'
import { CallDrawer } from '../calls/CallDrawer'
import { useTimes } from '../calls/parts'
import { Player } from './Player'

export function RecordingsPage() {
  const { t, known } = useWords()
  const { moment } = useTimes()
  const [page, setPage] = useState(1)
  const [kind, setKind] = useState('')
  const [open, setOpen] = useState<string | null>(null)
  const { data } = useRecordings({ page, limit: 20, kind })
  return (
    <Panel
      title={t('recordings.title')}
      extra={
        <NativeSelect
          size="xs" aria-label={t('recordings.kind')} value={kind} onChange={(event) => { setKind(event.currentTarget.value); setPage(1) }}
          data={[{ value: '', label: t('recordings.kind.all') }, ...(['call', 'voicemail'] as const).map((value) => ({ value, label: t(`recordings.kind.${value}`) }))]}
        />
      }
    >
      {data?.data.length === 0 ? <Nothing>{t('recordings.none')}</Nothing> : null}
      <Table.ScrollContainer minWidth={340} type="native">
        <Table verticalSpacing={6} horizontalSpacing="md" highlightOnHover>
          <Table.Thead>
            <Table.Tr>
              <Table.Th className="play">{t('calls.time')}</Table.Th>
              <Table.Th className="wide">{t('recordings.kind')}</Table.Th>
              <Table.Th className="number">{t('calls.duration')}</Table.Th>
              <Table.Th className="number wide">{t('recordings.size')}</Table.Th>
              <Table.Th className="wide">{t('recordings.state')}</Table.Th>
              <Table.Th>{t('call.title')}</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {data?.data.map((recording) => (
              <Table.Tr key={recording.id}>
                <Table.Td>{recording.stored_at ? <Player id={recording.id} time={moment(recording.started_at)} /> : moment(recording.started_at)}</Table.Td>
                <Table.Td className="wide">{known('recordings.kind', recording.kind)}</Table.Td>
                <Table.Td className="number">{recording.duration_ms === null ? '–' : duration(recording.duration_ms)}</Table.Td>
                <Table.Td className="number wide">{size(recording.size_bytes)}</Table.Td>
                <Table.Td className="wide">{t(stateOf(recording))}</Table.Td>
                <Table.Td><button type="button" className="rowbutton" onClick={() => setOpen(recording.call_id)}>{t('recordings.show_call')}</button></Table.Td>
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

function stateOf(recording: Recording): Key {
  if (recording.failed_reason) return 'recordings.failed'
  if (!recording.stored_at) return 'recordings.running'
  return recording.complete ? 'recordings.complete' : 'recordings.incomplete'
}
