import { NativeSelect, TextInput } from '@mantine/core'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import type { AuditEntry } from '../../api/adminTypes'
import { api, withQuery } from '../../api/client'
import type { Page } from '../../api/types'
import { useWords } from '../../i18n'
import { DataTable } from '../../ui/DataTable'
import { usePaging } from '../../ui/paging'
import { useTimes } from '../calls/parts'
import { inWords } from './trailWords'

const KINDS = ['user', 'agent', 'queue', 'flow', 'number', 'trunk', 'phone', 'sound', 'hours', 'disposition', 'call'] as const

export function Trail() {
  const words = useWords()
  const { t, known } = words
  const { moment } = useTimes()
  const { page, turn, filters, filter, query } = usePaging({ q: '', actor: '', action: '', since: '', until: '' })
  const { data } = useQuery({
    queryKey: ['admin', '/audit', query],
    queryFn: () => api.whole<Page<AuditEntry>>(withQuery('/audit', { ...query, since: midnight(query.since, 0), until: midnight(query.until, 1) })),
    placeholderData: keepPreviousData,
    refetchInterval: 10_000,
  })
  return (
    <>
      <p className="soft section-hint">{t('admin.trail.hint')}</p>
      <DataTable
        title={t('admin.trail')}
        extra={
          <div className="filters">
            <TextInput size="xs" type="search" aria-label={t('admin.search')} placeholder={t('admin.search')} value={filters.q} onChange={(event) => filter({ q: event.currentTarget.value })} />
            <TextInput size="xs" type="search" aria-label={t('admin.trail.who')} placeholder={t('admin.trail.who')} value={filters.actor} onChange={(event) => filter({ actor: event.currentTarget.value })} />
            <NativeSelect
              size="xs" aria-label={t('admin.trail.kind')} value={filters.action} onChange={(event) => filter({ action: event.currentTarget.value })}
              data={[{ value: '', label: t('admin.trail.all') }, ...KINDS.map((kind) => ({ value: kind, label: t(`admin.trail.${kind}`) }))]}
            />
            <label className="dated">
              <span className="hint">{t('admin.trail.since')}</span>
              <TextInput size="xs" type="date" value={filters.since} onChange={(event) => filter({ since: event.currentTarget.value })} />
            </label>
            <label className="dated">
              <span className="hint">{t('admin.trail.until')}</span>
              <TextInput size="xs" type="date" value={filters.until} onChange={(event) => filter({ until: event.currentTarget.value })} />
            </label>
          </div>
        }
        columns={[
          { name: t('calls.time'), cell: (entry) => moment(entry.at) },
          { name: t('admin.trail.who'), cell: (entry) => entry.actor },
          { name: t('admin.trail.what'), cell: (entry) => <>{known('audit', entry.action)}<div className="narrow soft contact">{inWords(entry)}</div></> },
          { name: t('admin.trail.details'), className: 'wide', cell: (entry) => <span className="soft contact">{inWords(entry)}</span> },
        ]}
        rows={data?.data} keyOf={(entry) => entry.seq} empty={t('admin.none_found')}
        page={page} pages={data?.pagination.pages ?? 1} turn={turn}
      />
    </>
  )
}

/** The beginning of a day here, some days later, as the API wants it; of an unfinished date, nothing. */
function midnight(date: string, days: number): string | null {
  const at = new Date(`${date}T00:00:00`)
  if (Number.isNaN(at.getTime())) return null
  at.setDate(at.getDate() + days)
  return at.toISOString()
}
