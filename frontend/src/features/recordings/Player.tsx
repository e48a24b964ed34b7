import { ActionIcon, Button, Group } from '@mantine/core'
import { IconDownload, IconPlayerPlay } from '@tabler/icons-react'
import { useEffect, useState } from 'react'
import { api } from '../../api/client'
import { useWords } from '../../i18n'
import { notifyError } from '../../ui/notices'
import { Waveform } from './Waveform'

/** The sound is fetched with the access token, so it is not fetched before somebody wants it. */
export function Player({ id, time }: { id: string; time: string }) {
  const { t } = useWords()
  const [url, setUrl] = useState<string | null>(null)
  const [sound, setSound] = useState<Blob | null>(null)
  const [busy, setBusy] = useState(false)
  useEffect(() => () => void (url && URL.revokeObjectURL(url)), [url])
  const load = async (): Promise<string | null> => {
    if (url) return url
    setBusy(true)
    try {
      const blob = await api.blob(`/recordings/${id}/audio`)
      const made = URL.createObjectURL(blob)
      setSound(blob)
      setUrl(made)
      return made
    } catch (error) {
      notifyError(error)
      return null
    } finally {
      setBusy(false)
    }
  }
  const download = async () => {
    const from = await load()
    if (!from) return
    const link = document.createElement('a')
    link.href = from
    link.download = `recording-${id}.wav`
    link.click()
  }
  return (
    <Group gap={8} wrap="nowrap">
      {url && sound ? <Waveform sound={sound} url={url} time={time} /> : (
        <Button size="xs" variant="default" loading={busy} onClick={() => void load()} leftSection={<IconPlayerPlay size={15} aria-hidden />} aria-label={t('recordings.play', { time })}>
          {time}
        </Button>
      )}
      <ActionIcon variant="default" size={30} onClick={() => void download()} aria-label={t('recordings.download', { time })}>
        <IconDownload size={16} aria-hidden />
      </ActionIcon>
    </Group>
  )
}
