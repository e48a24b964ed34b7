import { FileInput, NativeSelect, Textarea } from '@mantine/core'
import { IconUpload } from '@tabler/icons-react'
import type { Sound, SoundKind, Voice } from '../../api/adminTypes'
import { api, withQuery } from '../../api/client'
import { ApiError } from '../../api/error'
import { useWords } from '../../i18n'
import { duration } from '../../ui/format'
import { Editor } from './Editor'
import { ChoiceField, TextField } from './fields'
import { useForm } from './form'
import { Hear } from './Hear'
import { Opener, Section, useAll, useMayChange, useWholeList } from './Section'

const MOST_BYTES = 20_000_000

export function Sounds() {
  const { t } = useWords()
  const list = useWholeList<Sound>('/sounds', (sound) => `${sound.name} ${sound.spoken_text ?? ''}`)
  return (
    <Section
      title={t('admin.sounds')} hint={t('admin.sounds.hint')} list={list} empty={t('admin.sounds.none')} add={t('admin.sounds.add')}
      keyOf={(sound) => sound.id}
      columns={(open) => [
        { name: t('admin.name'), cell: (sound) => <Opener text={sound.name} open={() => open(sound)} /> },
        { name: t('recordings.kind'), cell: (sound) => t(`admin.sounds.${sound.kind}`) },
        { name: t('admin.sounds.text'), className: 'wide', cell: (sound) => <span className="soft">{sound.spoken_text ?? t('admin.sounds.uploaded')}</span> },
        { name: t('calls.duration'), className: 'number wide', cell: (sound) => duration(sound.duration_ms) },
        {
          name: t('admin.sounds.hear'), className: 'play',
          cell: (sound) => <Hear label={t('admin.sounds.hear_one', { name: sound.name })} text={t('admin.sounds.hear')} fetch={() => api.blob(`/sounds/${sound.id}/audio`)} />,
        },
      ]}
      editor={(sound, close) => (sound ? <Existing sound={sound} close={close} /> : <NewSound close={close} />)}
    />
  )
}

function Existing({ sound, close }: { sound: Sound; close: () => void }) {
  const { t } = useWords()
  const mayChange = useMayChange()
  const path = `/sounds/${sound.id}`
  return (
    <Editor
      title={t('admin.sounds.change', { name: sound.name })} initial={{ name: sound.name }} readOnly={!mayChange} close={close}
      save={async (values) => void (await api.put(path, values))}
      remove={{ question: t('admin.sounds.remove', { name: sound.name }), run: () => api.delete(path) }}
    >
      <Hear label={t('admin.sounds.hear_one', { name: sound.name })} text={t('admin.sounds.hear')} fetch={() => api.blob(`${path}/audio`)} />
      {sound.spoken_text ? <blockquote className="said">{sound.spoken_text}</blockquote> : null}
      <TextField name="name" label={t('admin.name')} hint={t('admin.sounds.name.hint')} required />
    </Editor>
  )
}

interface Values {
  name: string
  kind: SoundKind
  way: 'text' | 'file'
  text: string
  voice: string | null
  file: File | null
}

function NewSound({ close }: { close: () => void }) {
  const { t } = useWords()
  const initial: Values = { name: '', kind: 'announcement', way: 'text', text: '', voice: null, file: null }
  return (
    <Editor title={t('admin.sounds.add')} initial={initial} close={close} save={saveSound}>
      {(values) => (
        <>
          <TextField name="name" label={t('admin.name')} hint={t('admin.sounds.name.hint')} required />
          <ChoiceField
            name="kind" label={t('recordings.kind')} hint={t('admin.sounds.kind.hint')}
            choices={(['announcement', 'music'] as const).map((value) => ({ value, label: t(`admin.sounds.${value}`) }))}
          />
          <ChoiceField
            name="way" label={t('admin.sounds.way')}
            choices={[{ value: 'text', label: t('admin.sounds.way.text') }, { value: 'file', label: t('admin.sounds.way.file') }]}
          />
          {values.way === 'text' ? <Spoken values={values} /> : <FileField />}
        </>
      )}
    </Editor>
  )
}

function Spoken({ values }: { values: Values }) {
  const { t } = useWords()
  const { set, problemOf } = useForm()
  const { data: voices = [] } = useAll<Voice>('/sounds/voices', 300_000)
  const usual = voices.find((voice) => voice.is_default)?.id ?? ''
  const { text, voice } = values
  return (
    <>
      <Textarea
        name="text" label={t('admin.sounds.text')} description={t('admin.sounds.text.hint')} withAsterisk aria-required error={problemOf('text')}
        autosize minRows={3} maxRows={10} maxLength={1_000} value={text} onChange={(event) => set('text', event.currentTarget.value)}
      />
      <NativeSelect
        name="voice" label={t('admin.sounds.voice')} error={problemOf('voice')} value={voice ?? usual} onChange={(event) => set('voice', event.currentTarget.value)}
        data={voices.map(({ id, name }) => ({ value: id, label: name }))}
      />
      {/* Another text is another sound: the player of the one before goes away. */}
      <Hear
        key={`${voice} ${text}`} label={t('admin.sounds.preview')} text={t('admin.sounds.preview')} disabled={text.trim() === ''}
        fetch={() => api.postBlob('/sounds/preview', { text, voice })}
      />
    </>
  )
}

function FileField() {
  const { t } = useWords()
  const { values, set, problemOf } = useForm()
  return (
    <FileInput
      name="file" label={t('admin.sounds.file')} description={t('admin.sounds.file.hint')} placeholder={t('admin.choose')} withAsterisk clearable error={problemOf('file')}
      clearButtonProps={{ 'aria-label': t('admin.sounds.file.clear') }} leftSection={<IconUpload size={16} aria-hidden />}
      accept="audio/*,.wav,.mp3,.ogg,.m4a,.flac" value={values['file'] as File | null} onChange={(file) => set('file', file)}
    />
  )
}

async function saveSound({ way, name, kind, text, voice, file }: Values): Promise<void> {
  if (way === 'text') return void (await api.post('/sounds/spoken', { name, kind, text, voice }))
  if (file === null) throw problem('missing')
  if (file.size > MOST_BYTES) throw problem('file_too_large')
  try {
    await api.upload(withQuery('/sounds', { name, kind }), file)
  } catch (error) {
    if (error instanceof ApiError && error.status === 415) throw problem('no_sound')
    throw error
  }
}

function problem(code: string): ApiError {
  return new ApiError(400, 'VALIDATION_FAILED', '', [{ field: 'body.file', code, message: '', values: {} }])
}
