import { ActionIcon, Autocomplete, Button, NativeSelect } from '@mantine/core'
import { IconPlus, IconTrash } from '@tabler/icons-react'
import type { AgentSettings } from '../../api/adminTypes'
import { api } from '../../api/client'
import { ApiError } from '../../api/error'
import type { Agent, Queue } from '../../api/types'
import { useWords } from '../../i18n'
import { Editor, type Once } from './Editor'
import { Group, KEEP, MAKE, PasswordField, SwitchField, TextField, type PasswordChoice } from './fields'
import { describedBy, useForm } from './form'
import { passwordOf } from './passwords'
import { Opener, Section, useAll, useMayChange, useServerList } from './Section'
import { readSkills, type SkillRow } from './skills'

export function Agents() {
  const { t } = useWords()
  const list = useServerList<Agent>('/agents')
  return (
    <Section
      title={t('agents.title')} hint={t('admin.agents.hint')} list={list} empty={t('agents.none')} add={t('admin.agents.add')}
      keyOf={(agent) => agent.id}
      columns={(open) => [
        { name: t('agents.name'), cell: (agent) => <Opener text={agent.name} open={() => open(agent)} /> },
        { name: t('agents.extension'), cell: (agent) => agent.extension },
        { name: t('admin.agents.skills'), cell: (agent) => skillsInWords(agent.skills) || <span className="soft">{t('admin.agents.skills.none')}</span> },
        { name: t('agents.phone'), className: 'wide', cell: (agent) => t(agent.reachable ? 'agents.reachable' : 'agents.unreachable') },
      ]}
      editor={(agent, close) => <AgentForm agent={agent} close={close} />}
    />
  )
}

const skillsInWords = (skills: Record<string, number>) => Object.entries(skills).map(([skill, level]) => `${skill} ${level}`).join(', ')

interface Values {
  name: string
  extension: string
  skills: SkillRow[]
  auto_answer: boolean
  password: PasswordChoice
}

function AgentForm({ agent, close }: { agent: Agent | null; close: () => void }) {
  const { t } = useWords()
  const mayChange = useMayChange()
  const initial: Values = {
    name: agent?.name ?? '',
    extension: agent?.extension ?? '',
    skills: Object.entries(agent?.skills ?? {}).map(([skill, level]) => ({ skill, level })),
    auto_answer: agent?.auto_answer ?? false,
    password: agent ? KEEP : MAKE,
  }
  const save = async ({ name, extension, skills, auto_answer, password }: Values): Promise<Once | void> => {
    const read = readSkills(skills)
    if ('twice' in read) {
      throw new ApiError(400, 'VALIDATION_FAILED', '', [{ field: 'body.skills', code: 'twice', message: '', values: { skill: read.twice } }])
    }
    const body = { name, extension, skills: read.skills, auto_answer, ...passwordOf(password) }
    const path = agent ? `/agents/${agent.id}` : '/agents'
    const made = await (agent ? api.put<AgentSettings>(path, body) : api.post<AgentSettings>(path, body))
    if (made.password) return { title: t('admin.phones.password_of', { name: made.extension }), secret: made.password }
  }
  return (
    <Editor
      title={agent ? t('admin.agents.change', { name: agent.name }) : t('admin.agents.add')} initial={initial} readOnly={!mayChange} close={close} save={save}
      {...(agent ? { remove: { question: t('admin.agents.remove', { name: agent.name }), run: () => api.delete(`/agents/${agent.id}`) } } : {})}
    >
      <TextField name="name" label={t('agents.name')} required />
      <TextField name="extension" label={t('agents.extension')} hint={t('admin.agents.extension.hint')} required code maxLength={40} />
      <SkillsField />
      <SwitchField name="auto_answer" label={t('admin.auto_answer')} hint={t('admin.agents.auto_answer.hint')} />
      <PasswordField name="password" label={t('admin.phones.password')} hint={t('admin.agents.password.hint')} modes={agent ? ['keep', 'make', 'own'] : ['make', 'own']} />
    </Editor>
  )
}

function SkillsField() {
  const { t } = useWords()
  const { values, set, problemOf, readOnly } = useForm()
  const { data: queues = [] } = useAll<Queue>('/queues')
  const { data: agents = [] } = useAll<Agent>('/agents')
  const known = [...new Set([...queues.map((queue) => queue.skill), ...agents.flatMap((agent) => Object.keys(agent.skills))])].sort()
  const rows = values['skills'] as SkillRow[]
  const problem = problemOf('skills')
  const change = (place: number, row: Partial<SkillRow>) => set('skills', rows.map((one, number) => (number === place ? { ...one, ...row } : one)))
  return (
    <Group title={t('admin.agents.skills')}>
      <div className="hint" id="skills-hint">{t('admin.agents.skills.hint')}</div>
      {rows.map(({ skill, level }, place) => (
        <div className="skill" key={place}>
          <Autocomplete
            aria-label={t('admin.agents.skill', { number: place + 1 })} value={skill} data={known} readOnly={readOnly} maxLength={40}
            error={problem !== null} {...describedBy(problem === null ? null : 'skills-problem', 'skills-hint')} onChange={(text) => change(place, { skill: text })}
          />
          <NativeSelect
            aria-label={t('admin.agents.level_of', { skill: skill || place + 1 })} value={level} disabled={readOnly} onChange={(event) => change(place, { level: Number(event.currentTarget.value) })}
            data={[1, 2, 3, 4, 5].map((value) => ({ value: String(value), label: t(`admin.level.${value as 1}`) }))}
          />
          {readOnly ? null : (
            <ActionIcon variant="subtle" color="red" size={34} aria-label={t('admin.agents.skill.remove', { skill: skill || place + 1 })} onClick={() => set('skills', rows.filter((_, number) => number !== place))}>
              <IconTrash size={16} aria-hidden />
            </ActionIcon>
          )}
        </div>
      ))}
      {problem ? <div id="skills-problem" className="problem">{problem}</div> : null}
      {readOnly ? null : (
        <Button variant="default" size="xs" leftSection={<IconPlus size={14} aria-hidden />} onClick={() => set('skills', [...rows, { skill: '', level: 3 }])} style={{ justifySelf: 'start', alignSelf: 'start' }}>
          {t('admin.agents.skill.add')}
        </Button>
      )}
    </Group>
  )
}
