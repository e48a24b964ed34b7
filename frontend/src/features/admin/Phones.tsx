import { Alert } from '@mantine/core'
import type { Phone, PhoneSettings } from '../../api/adminTypes'
import { api } from '../../api/client'
import type { Agent } from '../../api/types'
import { useWords } from '../../i18n'
import { Editor, type Once } from './Editor'
import { KEEP, MAKE, PasswordField, TextField, type PasswordChoice } from './fields'
import { passwordOf } from './passwords'
import { Opener, Section, useAll, useMayChange, useWholeList } from './Section'

/** Phones come and go: they are asked for more often than what people set up. */
const REFRESH_MS = 3_000

export function Phones() {
  const { t } = useWords()
  const list = useWholeList<Phone>('/phones', (phone) => `${phone.user} ${phone.display}`, REFRESH_MS)
  const { data: agents = [] } = useAll<Agent>('/agents')
  const agent = (id: string | null) => agents.find((one) => one.id === id)
  return (
    <Section
      title={t('admin.phones')} hint={t('admin.phones.hint')} list={list} empty={t('admin.phones.none')} add={t('admin.phones.add')}
      keyOf={(phone) => phone.user}
      columns={(open) => [
        { name: t('phone.number'), cell: (phone) => <Opener text={phone.user} open={() => open(phone)} /> },
        { name: t('admin.phones.display'), className: 'wide', cell: (phone) => phone.display || '–' },
        { name: t('role.agent'), cell: (phone) => agent(phone.agent_id)?.name ?? '–' },
        { name: t('agents.state'), cell: (phone) => <Registered phone={phone} /> },
        { name: t('admin.phones.contacts'), className: 'wide', cell: (phone) => <span className="soft contact">{phone.contacts.join(', ') || '–'}</span> },
      ]}
      editor={(phone, close) => <PhoneForm phone={phone} agent={agent(phone?.agent_id ?? null)} close={close} />}
    />
  )
}

function Registered({ phone }: { phone: Phone }) {
  const { t } = useWords()
  const tone = phone.registered ? 'var(--ok)' : 'var(--quiet)'
  return (
    <span className="state" data-shape={phone.registered ? 'dot' : 'ring'} style={{ ['--tone' as string]: tone }}>
      {t(phone.registered ? 'admin.phones.registered' : 'admin.phones.absent')}
    </span>
  )
}

function PhoneForm({ phone, agent, close }: { phone: Phone | null; agent: Agent | undefined; close: () => void }) {
  const { t } = useWords()
  const mayChange = useMayChange()
  const path = phone ? `/phones/${phone.user}` : '/phones'
  const isAgents = phone?.agent_id != null
  const save = async ({ user, display, password }: { user: string; display: string; password: PasswordChoice }): Promise<Once | void> => {
    const body = { display, ...passwordOf(password) }
    const made = await (phone ? api.put<PhoneSettings>(path, body) : api.post<PhoneSettings>(path, { user, ...body }))
    if (made.password) return { title: t('admin.phones.password_of', { name: made.user }), secret: made.password }
  }
  return (
    <Editor
      title={phone ? t('admin.phones.change', { number: phone.user }) : t('admin.phones.add')} readOnly={!mayChange || isAgents} close={close} save={save}
      initial={{ user: phone?.user ?? '', display: phone?.display ?? '', password: phone ? KEEP : MAKE }}
      {...(phone ? { remove: { question: t('admin.phones.remove', { number: phone.user }), run: () => api.delete(path) } } : {})}
    >
      {isAgents ? <Alert variant="outline">{t('admin.phones.of_agent', { name: agent?.name ?? '' })}</Alert> : null}
      {phone ? (
        <div>
          <Registered phone={phone} />
          {phone.contacts.map((contact) => <div key={contact} className="soft contact">{contact}</div>)}
        </div>
      ) : (
        <TextField name="user" label={t('phone.number')} hint={t('admin.phones.user.hint')} required code maxLength={40} />
      )}
      <TextField name="display" label={t('admin.phones.display')} hint={t('admin.phones.display.hint')} />
      <PasswordField name="password" label={t('signin.password')} hint={t('admin.phones.password.hint')} modes={phone ? ['keep', 'make', 'own'] : ['make', 'own']} />
    </Editor>
  )
}
