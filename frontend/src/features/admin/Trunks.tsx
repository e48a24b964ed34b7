import type { Trunk } from '../../api/adminTypes'
import { api } from '../../api/client'
import { useWords } from '../../i18n'
import { useTimes } from '../calls/parts'
import { Editor } from './Editor'
import { KEEP, LinesField, PasswordField, SwitchField, TextField, type PasswordChoice } from './fields'
import { passwordOf } from './passwords'
import { Opener, Section, useMayChange, useWholeList } from './Section'

/** Trunks go up and down by themselves. */
const REFRESH_MS = 3_000

export function Trunks() {
  const { t } = useWords()
  const list = useWholeList<Trunk>('/trunks', (trunk) => trunk.name, REFRESH_MS)
  return (
    <Section
      title={t('admin.trunks')} hint={t('admin.trunks.hint')} list={list} empty={t('admin.trunks.none')} add={t('admin.trunks.add')}
      keyOf={(trunk) => trunk.id}
      columns={(open) => [
        { name: t('admin.name'), cell: (trunk) => <Opener text={trunk.name} open={() => open(trunk)} /> },
        { name: t('admin.trunks.networks'), className: 'wide', cell: (trunk) => trunk.networks.join(', ') || '–' },
        { name: t('admin.trunks.target'), className: 'wide', cell: (trunk) => trunk.target ?? t('admin.trunks.target.none') },
        { name: t('admin.trunks.state'), cell: (trunk) => <TrunkState trunk={trunk} /> },
      ]}
      editor={(trunk, close) => <TrunkForm trunk={trunk} close={close} />}
    />
  )
}

const LOOKS = {
  up: { tone: 'var(--ok)', shape: 'dot' },
  down: { tone: 'var(--busy)', shape: 'dot' },
  unknown: { tone: 'var(--quiet)', shape: 'ring' },
  off: { tone: 'var(--quiet)', shape: 'bar' },
} as const

/** How the trunk stands now: colour, shape and word say the same. */
function TrunkState({ trunk }: { trunk: Trunk }) {
  const { t } = useWords()
  const { moment } = useTimes()
  const { tone, shape } = LOOKS[trunk.state]
  return (
    <div>
      <span className="state" data-shape={shape} style={{ ['--tone' as string]: tone }}>
        <span>
          {t(`admin.trunks.state.${trunk.state}`)}
          {trunk.state_since ? <span className="soft"> · {t('admin.trunks.since', { time: moment(trunk.state_since) })}</span> : null}
        </span>
      </span>
      {trunk.state === 'down' && trunk.state_detail ? <div className="soft contact">{trunk.state_detail}</div> : null}
      {trunk.enabled && trunk.register ? (
        <div className="soft">
          {t(`admin.trunks.registration.${trunk.registration}`)}
          {trunk.registered_until ? ` · ${t('admin.trunks.registered_until', { time: moment(trunk.registered_until) })}` : ''}
        </div>
      ) : null}
    </div>
  )
}

function TrunkForm({ trunk, close }: { trunk: Trunk | null; close: () => void }) {
  const { t } = useWords()
  const mayChange = useMayChange()
  const path = trunk ? `/trunks/${trunk.id}` : '/trunks'
  const initial = {
    name: trunk?.name ?? '',
    networks: trunk?.networks.join('\n') ?? '',
    target: trunk?.target ?? '',
    username: trunk?.username ?? '',
    password: KEEP as PasswordChoice,
    register: trunk?.register ?? false,
    enabled: trunk?.enabled ?? true,
  }
  return (
    <Editor
      title={trunk ? t('admin.trunks.change', { name: trunk.name }) : t('admin.trunks.add')} initial={initial} readOnly={!mayChange} close={close}
      save={async ({ name, networks, target, username, password, register, enabled }) => {
        const body = {
          name,
          networks: networks.split(/[\n,]/).map((line) => line.trim()).filter(Boolean),
          target: target.trim() || null,
          username: username.trim() || null,
          register,
          enabled,
          ...passwordOf(password),
        }
        await (trunk ? api.put(path, body) : api.post(path, body))
      }}
      {...(trunk ? { remove: { question: t('admin.trunks.remove', { name: trunk.name }), run: () => api.delete(path) } } : {})}
    >
      {trunk ? <TrunkState trunk={trunk} /> : null}
      <TextField name="name" label={t('admin.name')} required />
      <LinesField name="networks" label={t('admin.trunks.networks')} hint={t('admin.trunks.networks.hint')} />
      <TextField name="target" label={t('admin.trunks.target')} hint={t('admin.trunks.target.hint')} maxLength={200} code />
      <TextField name="username" label={t('admin.trunks.username')} hint={t('admin.trunks.username.hint')} code />
      <PasswordField name="password" label={t('signin.password')} hint={t(trunk?.has_password ? 'admin.trunks.password.set' : 'admin.trunks.password.unset')} modes={trunk?.has_password ? ['keep', 'own', 'remove'] : ['keep', 'own']} />
      <SwitchField name="register" label={t('admin.trunks.register')} hint={t('admin.trunks.register.hint')} />
      <SwitchField name="enabled" label={t('admin.trunks.enabled')} hint={t('admin.trunks.enabled.hint')} />
    </Editor>
  )
}
