import { Button } from '@mantine/core'
import { useWords } from '../i18n'

export function Pages({ page, pages, turn }: { page: number; pages: number; turn: (page: number) => void }) {
  const { t } = useWords()
  if (pages <= 1) return null
  return (
    <nav aria-label={t('pages.label')} style={{ display: 'flex', gap: 10, alignItems: 'center', justifyContent: 'flex-end', padding: '8px 14px' }}>
      <Button size="xs" variant="default" disabled={page <= 1} onClick={() => turn(page - 1)}>{t('pages.previous')}</Button>
      <span aria-live="polite">{t('pages.of', { page, pages })}</span>
      <Button size="xs" variant="default" disabled={page >= pages} onClick={() => turn(page + 1)}>{t('pages.next')}</Button>
    </nav>
  )
}
