import type { AuditEntry } from '../../api/adminTypes'

const ID = /^[0-9a-f]{8}-[0-9a-f-]{27}$/

/** What is told of a change, without the ids that say nothing to a reader. */
export function inWords({ subject, data }: Pick<AuditEntry, 'subject' | 'data'>): string {
  const told = Object.entries(data)
    .map(([name, value]) => [name.replaceAll('_', ' '), plain(value)] as const)
    .filter(([, value]) => value !== '')
    .map(([name, value]) => `${name}: ${value}`)
  return [...(ID.test(subject) ? [] : [subject]), ...told].join(' · ')
}

function plain(value: unknown): string {
  if (value === null || value === undefined || value === false) return ''
  if (value === true) return 'yes'
  if (Array.isArray(value)) return value.map(plain).filter(Boolean).join(', ')
  if (typeof value === 'object') return Object.entries(value).map(([name, each]) => `${name} ${plain(each)}`).join(', ')
  return ID.test(String(value)) ? '' : String(value)
}
