import { Notification } from '@mantine/core'
import { useSyncExternalStore } from 'react'
import { ApiError } from '../api/error'
import { useWords, type Key, type Words } from '../i18n'

/** Short messages in the corner: what did not work, and what the server did on its own. */
export interface Notice {
  id: number
  tone: 'error' | 'warning' | 'info'
  text: (words: Words) => string
}

const COLOURS = { error: 'red', warning: 'orange', info: 'sea' }

let notices: readonly Notice[] = []
let next = 1
const listeners = new Set<() => void>()

function set(changed: readonly Notice[]): void {
  notices = changed
  for (const listener of listeners) listener()
}

export function notify(tone: Notice['tone'], text: Notice['text'], keepMs = 8_000): void {
  const id = next++
  set([...notices.slice(-3), { id, tone, text }])
  setTimeout(() => close(id), keepMs)
}

export function notifyError(error: unknown): void {
  notify('error', (words) => errorText(error, words))
}

export function errorText(error: unknown, { t }: Words): string {
  if (!(error instanceof ApiError)) return String(error)
  const known: Record<string, Key> = {
    NETWORK: 'error.NETWORK',
    FORBIDDEN: 'error.FORBIDDEN',
    NOT_FOUND: 'error.NOT_FOUND',
    UNAVAILABLE: 'error.UNAVAILABLE',
  }
  const key = error.details[0]?.code === 'disposition_missing' ? 'wrapup.due' : known[error.code]
  return key ? t(key) : error.message
}

function close(id: number): void {
  set(notices.filter((notice) => notice.id !== id))
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

export function Notices() {
  const shown = useSyncExternalStore(subscribe, () => notices)
  const words = useWords()
  return (
    <div className="notices" aria-live="polite">
      {shown.map((notice) => (
        <Notification
          key={notice.id}
          withBorder
          color={COLOURS[notice.tone]}
          title={notice.tone === 'error' ? words.t('error.title') : undefined}
          onClose={() => close(notice.id)}
          closeButtonProps={{ 'aria-label': words.t('error.close') }}
        >
          {notice.text(words)}
        </Notification>
      ))}
    </div>
  )
}
