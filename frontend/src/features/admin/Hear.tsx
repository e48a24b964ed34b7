import { Button } from '@mantine/core'
import { IconPlayerPlay } from '@tabler/icons-react'
import { useEffect, useState } from 'react'
import { useWords } from '../../i18n'
import { notifyError } from '../../ui/notices'

interface Props {
  /** What the button is called for who cannot see where it stands. */
  label: string
  text: string
  /** The sound is fetched when somebody wants to hear it; `undefined` for a fault that is told elsewhere. */
  fetch: () => Promise<Blob | undefined>
  disabled?: boolean
}

/** A button that becomes a player. */
export function Hear({ label, text, fetch, disabled = false }: Props) {
  const { t } = useWords()
  const [url, setUrl] = useState<string | null>(null)
  const [busy, setBusy] = useState(false)
  useEffect(() => () => void (url && URL.revokeObjectURL(url)), [url])
  const load = async () => {
    setBusy(true)
    try {
      const sound = await fetch()
      if (sound) setUrl(URL.createObjectURL(sound))
    } catch (error) {
      notifyError(error)
    } finally {
      setBusy(false)
    }
  }
  return url ? (
    <audio className="hears" src={url} controls autoPlay aria-label={label} />
  ) : (
    <Button size="xs" variant="default" loading={busy} disabled={disabled} onClick={() => void load()} leftSection={<IconPlayerPlay size={15} aria-hidden />} aria-label={label} title={t('admin.sounds.hear')} style={{ alignSelf: 'start' }}>
      {text}
    </Button>
  )
}
