import type { Account, AgentSettings, Phone } from '../../api/adminTypes'
import { api } from '../../api/client'
import { ApiError } from '../../api/error'
import type { Role } from '../../api/types'
import { useUser } from '../../api/useSession'
import { useWords } from '../../i18n'
import { Editor, type Once } from './Editor'
import { ChoiceField, KEEP, MAKE, PasswordField, SwitchField, TextField, type PasswordChoice } from './fields'
import { makePassword } from './form'
import { Opener, Section, useAll, useServerList } from './Section'

const ROLES: Role[] = ['agent', 'supervisor', 'administrator', 'viewer']

export function Users() {
  const { t } = useWords()
  const list = useServerList<Account>('/users')
  const { data: agents = [] } = useAll<AgentSettings>('/agents')
  const agent = (id: string | null) => agents.find((one) => one.id === id)
  return (
    <Section
      title={t('admin.users')} hint={t('admin.users.hint')} list={list} empty={t('admin.users.none')} add={t('admin.users.add')}
      keyOf={(user) => user.id}
      columns={(open) => [
        { name: t('signin.login'), cell: (user) => <Opener text={user.login} open={() => open(user)} /> },
        { name: t('admin.name'), cell: (user) => user.display },
        { name: t('admin.role'), cell: (user) => t(`admin.role.${user.role}`) },
        { name: t('admin.users.phone'), className: 'wide', cell: (user) => agent(user.agent_id)?.extension ?? user.phone ?? '–' },
        { name: t('admin.users.access'), cell: (user) => (user.disabled ? <b>{t('admin.users.disabled')}</b> : t('admin.users.enabled')) },
      ]}
      editor={(user, close) => <UserForm user={user} agents={agents} close={close} />}
    />
  )
}

interface Values {
  login: string
  display: string
  role: Role
  agent_id: string | null
  phone: string | null
  disabled: boolean
  password: PasswordChoice
}

function UserForm({ user, agents, close }: { user: Account | null; agents: AgentSettings[]; close: () => void }) {
  const { t } = useWords()
  const { data: phones = [] } = useAll<Phone>('/phones')
  const isOwn = useUser().id === user?.id
  const initial: Values = {
    login: user?.login ?? '',
    display: user?.display ?? '',
    role: user?.role ?? 'agent',
    agent_id: user?.agent_id ?? null,
    phone: user?.phone ?? null,
    disabled: user?.disabled ?? false,
    password: user ? KEEP : MAKE,
  }
  return (
    <Editor
      title={user ? t('admin.users.change', { name: user.login }) : t('admin.users.add')} initial={initial} close={close}
      save={(values) => saveUser(user, values, t('admin.users.password_of', { name: values.login }))}
      {...(user && !isOwn ? { remove: { question: t('admin.users.remove', { name: user.login }), run: () => api.delete(`/users/${user.id}`) } } : {})}
    >
      {(values) => (
        <>
          <TextField name="login" label={t('signin.login')} hint={t('admin.users.login.hint')} required code />
          <TextField name="display" label={t('admin.name')} required />
          <ChoiceField name="role" label={t('admin.role')} hint={t(`admin.role.${values.role}.hint`)} choices={ROLES.map((value) => ({ value, label: t(`admin.role.${value}`) }))} />
          <ChoiceField
            name="agent_id" label={t('admin.users.agent')} hint={t('admin.users.agent.hint')} none={t('admin.users.agent.none')}
            choices={agents.map(({ id, name, extension }) => ({ value: id, label: `${name} (${extension})` }))}
          />
          {values.agent_id ? null : (
            <ChoiceField
              name="phone" label={t('admin.users.phone')} hint={t('admin.users.phone.hint')} none={t('admin.users.phone.none')}
              choices={phones.filter((phone) => phone.agent_id === null).map(({ user: number, display }) => ({ value: number, label: display ? `${number} (${display})` : number }))}
            />
          )}
          <PasswordField name="password" label={t('signin.password')} modes={user ? ['keep', 'make', 'own'] : ['make', 'own']} {...(user ? { hint: t('admin.users.password.hint') } : {})} />
          <SwitchField name="disabled" label={t('admin.users.disable')} hint={t('admin.users.disable.hint')} />
        </>
      )}
    </Editor>
  )
}

async function saveUser(user: Account | null, { password, ...values }: Values, title: string): Promise<Once | void> {
  const chosen = password.mode === 'keep' ? null : password.mode === 'make' ? makePassword() : password.text
  const body = { ...values, phone: values.agent_id ? null : values.phone }
  if (chosen !== null && chosen.length < 8) {
    // Before half of it is saved: name and password are two requests.
    throw new ApiError(400, 'VALIDATION_FAILED', '', [{ field: 'body.password', code: 'too_short', message: '', values: { min_length: 8 } }])
  }
  if (user) {
    await api.put(`/users/${user.id}`, body)
    if (chosen !== null) await api.put(`/users/${user.id}/password`, { password: chosen })
  } else {
    await api.post('/users', { ...body, password: chosen })
  }
  if (password.mode === 'make' && chosen !== null) return { title, secret: chosen }
}
