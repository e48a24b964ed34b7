import { Alert, Button, TextInput } from '@mantine/core'
import { IconPlus } from '@tabler/icons-react'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useState, type ReactNode } from 'react'
import { api, withQuery } from '../../api/client'
import type { Page } from '../../api/types'
import { useUser } from '../../api/useSession'
import { useWords } from '../../i18n'
import { DataTable, type Column } from '../../ui/DataTable'
import { errorText } from '../../ui/notices'
import { pageOf, usePaging, type Paging } from '../../ui/paging'

/** What others change appears by itself, and at once for who comes back to the page. */
const REFRESH_MS = 10_000

export interface List<Row> {
  rows: Row[] | undefined
  pages: number
  paging: Pick<Paging<{ q: string }>, 'page' | 'turn' | 'filters' | 'filter'>
  error: unknown
}

/** The server searches and pages. */
export function useServerList<Row>(path: string): List<Row> {
  const paging = usePaging({ q: '' })
  const { data, error } = useQuery({
    queryKey: ['admin', path, paging.query],
    queryFn: () => api.whole<Page<Row>>(withQuery(path, { ...paging.query, order: 'asc' })),
    placeholderData: keepPreviousData,
    refetchInterval: REFRESH_MS,
  })
  return { rows: data?.data, pages: data?.pagination.pages ?? 1, paging, error }
}

/** All of it is here: it is searched and paged in the page. */
export function useWholeList<Row>(path: string, words: (row: Row) => string, refresh = REFRESH_MS): List<Row> {
  const paging = usePaging({ q: '' })
  const { data, error } = useAll<Row>(path, refresh)
  const sought = paging.filters.q.trim().toLowerCase()
  const found = data?.filter((row) => words(row).toLowerCase().includes(sought))
  return { ...(found ? pageOf(found, paging.page) : { rows: undefined, pages: 1 }), paging, error }
}

/** Everything of a kind, such as to choose from. */
export function useAll<Row>(path: string, refresh = REFRESH_MS) {
  return useQuery({ queryKey: ['admin', path, 'all'], queryFn: () => everything<Row>(path), refetchInterval: refresh })
}

/** Of lists that come in pages, all of them one after the other. */
async function everything<Row>(path: string): Promise<Row[]> {
  const rows: Row[] = []
  for (let page = 1; ; page++) {
    const part = await api.whole<{ data: Row[]; pagination?: { pages: number } }>(PAGED.has(path) ? withQuery(path, { limit: 100, page, order: 'asc' }) : path)
    rows.push(...part.data)
    if (page >= (part.pagination?.pages ?? 1)) return rows
  }
}

const PAGED = new Set(['/agents', '/users', '/flows', '/numbers', '/trunks', '/sounds', '/hours'])

export function useMayChange(): boolean {
  return useUser().role === 'administrator'
}

interface Props<Row> {
  title: string
  /** Said under the title, for who has never set one up. */
  hint: string
  list: List<Row>
  columns: (open: (row: Row) => void) => Column<Row>[]
  keyOf: (row: Row) => string
  empty: string
  /** The button for a new one; absent for what cannot be added here. */
  add?: string
  /** The form for a row, or for a new one. */
  editor: (row: Row | null, close: () => void) => ReactNode
}

/** One kind of thing that can be set up: its list, and the form that opens beside it. */
export function Section<Row>({ title, hint, list, columns, keyOf, empty, add, editor }: Props<Row>) {
  const words = useWords()
  const { t } = words
  const [open, setOpen] = useState<{ row: Row | null } | null>(null)
  const mayChange = useMayChange()
  const { rows, pages, paging, error } = list
  const isLong = pages > 1 || paging.filters.q !== '' || (rows?.length ?? 0) > 5
  // The newest there is of the row: what others change shows in an open form, too.
  const newest = open?.row ? (rows?.find((row) => keyOf(row) === keyOf(open.row!)) ?? open.row) : null
  return (
    <>
      <p className="soft section-hint">{hint}{mayChange ? '' : ` ${t('admin.read_only')}`}</p>
      {error && !rows ? <Alert color="red" variant="outline" role="alert">{errorText(error, words)}</Alert> : null}
      <DataTable
        title={title}
        extra={
          <>
            {isLong ? <TextInput size="xs" type="search" aria-label={t('admin.search')} placeholder={t('admin.search')} value={paging.filters.q} onChange={(event) => paging.filter({ q: event.currentTarget.value })} /> : null}
            {add && mayChange ? <Button size="xs" leftSection={<IconPlus size={14} aria-hidden />} onClick={() => setOpen({ row: null })}>{add}</Button> : null}
          </>
        }
        columns={columns((row) => setOpen({ row }))}
        rows={rows} keyOf={keyOf} empty={paging.filters.q ? t('admin.none_found') : empty}
        page={paging.page} pages={pages} turn={paging.turn}
      />
      {open ? editor(newest, () => setOpen(null)) : null}
    </>
  )
}

/** What a row is called, as the button that opens its form. */
export function Opener({ text, open }: { text: string; open: () => void }) {
  return <button type="button" className="rowbutton" onClick={open} aria-haspopup="dialog">{text}</button>
}
