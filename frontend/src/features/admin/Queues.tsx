import { Loader } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import type { QueueSettings, Sound } from '../../api/adminTypes'
import { api } from '../../api/client'
import type { Agent, Queue } from '../../api/types'
import { useWords } from '../../i18n'
import { Editor } from './Editor'
import { ChoiceField, Group, NumberField, SwitchField, TextField } from './fields'
import { Opener, Section, useAll, useMayChange, useWholeList } from './Section'

const NEW: Omit<QueueSettings, 'id'> = {
  name: '',
  skill: '',
  minimum_level: 1,
  priority: 0,
  ring_seconds: 20,
  wrap_up_seconds: 10,
  announce_every_seconds: 30,
  max_waiting: 100,
  max_wait_seconds: null,
  music: null,
  service_level_seconds: 20,
  service_level_target: 80,
  short_abandon_seconds: 5,
  time_zone: Intl.DateTimeFormat().resolvedOptions().timeZone,
  auto_answer: false,
  disposition_required: false,
  disposition_seconds: 900,
}

export function Queues() {
  const { t } = useWords()
  const list = useWholeList<Queue>('/queues', (queue) => `${queue.name} ${queue.skill}`)
  return (
    <Section
      title={t('queues.title')} hint={t('admin.queues.hint')} list={list} empty={t('queues.none')} add={t('admin.queues.add')}
      keyOf={(queue) => queue.id}
      columns={(open) => [
        { name: t('queues.name'), cell: (queue) => <Opener text={queue.name} open={() => open(queue)} /> },
        { name: t('admin.queues.skill'), cell: (queue) => queue.skill },
        { name: t('queues.waiting'), className: 'number', cell: (queue) => queue.waiting },
        { name: t('queues.agents'), className: 'number wide', cell: (queue) => `${queue.agents_available} / ${queue.agents_logged_in}` },
      ]}
      editor={(queue, close) => (queue ? <Existing id={queue.id} close={close} /> : <QueueForm id={null} settings={NEW} close={close} />)}
    />
  )
}

function Existing({ id, close }: { id: string; close: () => void }) {
  const { t } = useWords()
  const { data } = useQuery({ queryKey: ['admin', '/queues', id], queryFn: () => api.get<QueueSettings>(`/queues/${id}`) })
  if (!data) return <Loader size="sm" aria-label={t('app.loading')} />
  const { id: _, ...settings } = data
  return <QueueForm id={id} settings={settings} close={close} />
}

function QueueForm({ id, settings, close }: { id: string | null; settings: Omit<QueueSettings, 'id'>; close: () => void }) {
  const { t } = useWords()
  const mayChange = useMayChange()
  const { data: agents = [] } = useAll<Agent>('/agents')
  const { data: sounds = [] } = useAll<Sound>('/sounds')
  const skills = [...new Set(agents.flatMap((agent) => Object.keys(agent.skills)))].sort()
  const seconds = t('admin.seconds')
  const levels = ([1, 2, 3, 4, 5] as const).map((level) => ({ value: String(level), label: t(`admin.level.${level}`) }))
  return (
    <Editor
      title={id ? t('admin.queues.change', { name: settings.name }) : t('admin.queues.add')} readOnly={!mayChange} close={close}
      initial={{ ...settings, minimum_level: String(settings.minimum_level), music: settings.music }}
      save={async (values) => {
        const body = { ...values, minimum_level: Number(values.minimum_level) }
        await (id ? api.put(`/queues/${id}`, body) : api.post('/queues', body))
      }}
      {...(id ? { remove: { question: t('admin.queues.remove', { name: settings.name }), run: () => api.delete(`/queues/${id}`) } } : {})}
    >
      <TextField name="name" label={t('admin.name')} hint={t('admin.queues.name.hint')} required />
      <Group title={t('admin.queues.who')}>
        <TextField name="skill" label={t('admin.queues.skill')} hint={t('admin.queues.skill.hint')} required maxLength={40} list={skills} />
        <ChoiceField name="minimum_level" label={t('admin.queues.minimum_level')} hint={t('admin.queues.minimum_level.hint')} choices={levels} />
        <NumberField name="ring_seconds" label={t('admin.queues.ring')} hint={t('admin.queues.ring.hint')} min={1} max={600} unit={seconds} decimals required />
        <SwitchField name="auto_answer" label={t('admin.auto_answer')} hint={t('admin.queues.auto_answer.hint')} />
        <NumberField name="wrap_up_seconds" label={t('admin.queues.wrap_up')} hint={t('admin.queues.wrap_up.hint')} min={0} max={86_400} unit={seconds} decimals required />
        <SwitchField name="disposition_required" label={t('admin.queues.disposition')} hint={t('admin.queues.disposition.hint')} />
        <NumberField name="disposition_seconds" label={t('admin.queues.disposition_seconds')} hint={t('admin.queues.disposition_seconds.hint')} min={30} max={86_400} unit={seconds} decimals required />
      </Group>
      <Group title={t('admin.queues.callers')}>
        <NumberField name="priority" label={t('admin.queues.priority')} hint={t('admin.queues.priority.hint')} min={-100} max={100} required />
        <NumberField name="announce_every_seconds" label={t('admin.queues.announce')} hint={t('admin.queues.announce.hint')} min={0} max={86_400} unit={seconds} decimals required />
        <NumberField name="max_waiting" label={t('admin.queues.max_waiting')} hint={t('admin.queues.max_waiting.hint')} min={0} max={10_000} required />
        <NumberField name="max_wait_seconds" label={t('admin.queues.max_wait')} hint={t('admin.queues.max_wait.hint')} min={1} max={86_400} unit={seconds} decimals />
        <ChoiceField
          name="music" label={t('admin.queues.music')} hint={t('admin.queues.music.hint')} none={t('admin.queues.music.none')}
          choices={sounds.filter((sound) => sound.kind === 'music').map(({ id: value, name }) => ({ value, label: name }))}
        />
      </Group>
      <Group title={t('admin.queues.counts')}>
        <NumberField name="service_level_seconds" label={t('admin.queues.service_level')} hint={t('admin.queues.service_level.hint')} min={1} max={3_600} unit={seconds} decimals required />
        <NumberField name="service_level_target" label={t('admin.queues.target')} hint={t('admin.queues.target.hint')} min={0} max={100} unit="%" decimals required />
        <NumberField name="short_abandon_seconds" label={t('admin.queues.short')} hint={t('admin.queues.short.hint')} min={0} max={600} unit={seconds} decimals required />
        <TextField name="time_zone" label={t('admin.queues.zone')} hint={t('admin.queues.zone.hint')} required list={Intl.supportedValuesOf('timeZone')} />
      </Group>
    </Editor>
  )
}
