import { useDebouncedValue } from '@mantine/hooks'
import { useState } from 'react'

/** Which page of a list is shown, and what is looked for: another search begins on the first page. */
export interface Paging<F> {
  page: number
  turn: (page: number) => void
  filters: F
  filter: (change: Partial<F>) => void
  /** What to ask the server for, once nobody types any more. */
  query: F & { page: number; limit: number }
}

export const PAGE_SIZE = 20

export function usePaging<F extends object>(initial: F): Paging<F> {
  const [page, turn] = useState(1)
  const [filters, setFilters] = useState(initial)
  const [settled] = useDebouncedValue(filters, 250)
  return {
    page,
    turn,
    filters,
    filter: (change) => {
      setFilters((before) => ({ ...before, ...change }))
      turn(1)
    },
    query: { ...settled, page, limit: PAGE_SIZE },
  }
}

/** A page of rows that are all here already. */
export function pageOf<Row>(rows: readonly Row[], page: number): { rows: Row[]; pages: number } {
  const pages = Math.max(1, Math.ceil(rows.length / PAGE_SIZE))
  const shown = Math.min(page, pages)
  return { rows: rows.slice((shown - 1) * PAGE_SIZE, shown * PAGE_SIZE), pages }
}
