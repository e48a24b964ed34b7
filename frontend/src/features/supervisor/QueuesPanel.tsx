import { Table } from '@mantine/core'
import { IconDeviceTv } from '@tabler/icons-react'
import { Link } from 'wouter'
import { useQueues } from '../../api/queries'
import type { Queue } from '../../api/types'
import { useWords } from '../../i18n'
import { duration } from '../../ui/format'
import { Nothing, Panel } from '../../ui/Panel'
import { ServiceLevel } from './ServiceLevel'
import { useNow } from '../../ui/useNow'

export const LONG_WAIT_MS = 60_000

export function QueuesPanel() {
  const { t } = useWords()
  const { data: queues, dataUpdatedAt } = useQueues()
  return (
    <Panel title={t('queues.title')} extra={
        <>
          <span className="soft wide">{t('queues.since')}</span>
          <Link href="/wallboard" className="to-wall"><IconDeviceTv size={18} aria-hidden /> {t('wall.title')}</Link>
        </>
      }>
      {queues?.length === 0 ? <Nothing>{t('queues.none')}</Nothing> : null}
      <Table.ScrollContainer minWidth={320} type="native" tabIndex={0} role="group" aria-label={t('queues.title')}>
        <Table verticalSpacing={6} horizontalSpacing="md" highlightOnHover>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>{t('queues.name')}</Table.Th>
              <Table.Th className="number">{t('queues.waiting')}</Table.Th>
              <Table.Th className="number">{t('queues.longest')}</Table.Th>
              <Table.Th className="number wide">{t('queues.agents')}</Table.Th>
              <Table.Th className="number wide">{t('queues.offered')}</Table.Th>
              <Table.Th className="number wide">{t('queues.answered')}</Table.Th>
              <Table.Th className="number wide">{t('queues.abandoned')}</Table.Th>
              <Table.Th className="number wide">{t('queues.flowed_out')}</Table.Th>
              <Table.Th className="number">{t('queues.level')}</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {queues?.map((queue) => <QueueRow key={queue.id} queue={queue} seenAt={dataUpdatedAt} />)}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
    </Panel>
  )
}

/** How long the first in line waits by now; the server told it a moment ago. */
export function waitNow(queue: Queue, seenAt: number, now: number): number {
  return queue.waiting > 0 ? queue.longest_wait_ms + Math.max(0, now - seenAt) : 0
}

function QueueRow({ queue, seenAt }: { queue: Queue; seenAt: number }) {
  const now = useNow()
  const wait = waitNow(queue, seenAt, now)
  return (
    <Table.Tr>
      <Table.Th scope="row">{queue.name}</Table.Th>
      <Table.Td className={queue.waiting > 0 ? 'number alarm' : 'number'}>{queue.waiting}</Table.Td>
      <Table.Td className={wait >= LONG_WAIT_MS ? 'number alarm' : 'number'}>{queue.waiting > 0 ? duration(wait) : '–'}</Table.Td>
      <Table.Td className="number wide">{queue.agents_available} / {queue.agents_logged_in}</Table.Td>
      <Table.Td className="number wide">{queue.offered}</Table.Td>
      <Table.Td className="number wide">{queue.answered}</Table.Td>
      <Table.Td className="number wide">{queue.abandoned}</Table.Td>
      <Table.Td className="number wide">{queue.flowed_out}</Table.Td>
      <Table.Td className="number"><ServiceLevel queue={queue} /></Table.Td>
    </Table.Tr>
  )
}
