import { Loader, Table } from '@mantine/core'
import type { ReactNode } from 'react'
import { useWords } from '../i18n'
import { Pages } from './Pages'
import { Nothing, Panel } from './Panel'

export interface Column<Row> {
  name: string
  cell: (row: Row) => ReactNode
  /** `number` is aligned to the right, `wide` is left out on a phone. */
  className?: string
}

interface Props<Row> {
  title: string
  /** Filters and buttons beside the title. */
  extra?: ReactNode
  columns: Column<Row>[]
  /** Undefined as long as nothing has come. */
  rows: readonly Row[] | undefined
  keyOf: (row: Row) => string | number
  empty: string
  page: number
  pages: number
  turn: (page: number) => void
  /** Dialogs that belong to the list. */
  children?: ReactNode
}

/** A list of which there may be many pages. */
export function DataTable<Row>({ title, extra, columns, rows, keyOf, empty, page, pages, turn, children }: Props<Row>) {
  const { t } = useWords()
  return (
    <Panel title={title} extra={extra}>
      {rows === undefined ? <div className="inside"><Loader size="sm" aria-label={t('app.loading')} /></div> : null}
      {rows?.length === 0 ? <Nothing>{empty}</Nothing> : null}
      {rows && rows.length > 0 ? (
        <Table.ScrollContainer minWidth={340} type="native">
          <Table verticalSpacing={6} horizontalSpacing="md" highlightOnHover>
            <Table.Thead>
              <Table.Tr>
                {columns.map(({ name, className }) => <Table.Th key={name} className={className}>{name}</Table.Th>)}
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {rows.map((row) => (
                <Table.Tr key={keyOf(row)}>
                  {columns.map(({ name, className, cell }) => <Table.Td key={name} className={className}>{cell(row)}</Table.Td>)}
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </Table.ScrollContainer>
      ) : null}
      <Pages page={page} pages={pages} turn={turn} />
      {children}
    </Panel>
  )
}
