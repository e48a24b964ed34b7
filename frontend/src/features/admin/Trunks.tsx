import type { Trunk } from '../../api/adminTypes'
import { api } from '../../api/client'
import { useWords } from '../../i18n'
import { Editor } from './Editor'
import { KEEP, LinesField, PasswordField, SwitchField, TextField, type PasswordChoice } from './fields'
import { passwordOf } from './passwords'
import { Opener, Section, useMayChange, useServerList } from './Section'

export function Trunks() {
  const { t } = useWords()
  const list = useServerList<Trunk>('/trunks')
  return (
    <Section
      title={t('admin.trunks')} hint={t('admin.trunks.hint')} list={list} empty={t('admin.trunks.none')} add={t('admin.trunks.add')}
      keyOf={(trunk) => trunk.id}
      columns={(open) => [
        { name: t('admin.name'), cell: (trunk) => <Opener text={trunk.name} open={() => open(trunk)} /> },
        { name: t('admin.trunks.networks'), className: 'wide', cell: (trunk) => trunk.networks.join(', ') || '–' },
        { name: t('admin.trunks.target'), className: 'wide', cell: (trunk) => trunk.target ?? t('admin.trunks.target.none') },
        { name: t('admin.trunks.state'), cell: (trunk) => t(trunk.enabled ? 'admin.on' : 'admin.off') },
      ]}
      editor={(trunk, close) => <TrunkForm trunk={trunk} close={close} />}
    />
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
    enabled: trunk?.enabled ?? true,
  }
  return (
    <Editor
      title={trunk ? t('admin.trunks.change', { name: trunk.name }) : t('admin.trunks.add')} initial={initial} readOnly={!mayChange} close={close}
      save={async ({ name, networks, target, username, password, enabled }) => {
        const body = {
          name,
          networks: networks.split(/[\n,]/).map((line) => line.trim()).filter(Boolean),
          target: target.trim() || null,
          username: username.trim() || null,
          enabled,
          ...passwordOf(password),
        }
        await (trunk ? api.put(path, body) : api.post(path, body))
      }}
      {...(trunk ? { remove: { question: t('admin.trunks.remove', { name: trunk.name }), run: () => api.delete(path) } } : {})}
    >
      <TextField name="name" label={t('admin.name')} required />
      <LinesField name="networks" label={t('admin.trunks.networks')} hint={t('admin.trunks.networks.hint')} />
      <TextField name="target" label={t('admin.trunks.target')} hint={t('admin.trunks.target.hint')} maxLength={200} code />
      <TextField name="username" label={t('admin.trunks.username')} hint={t('admin.trunks.username.hint')} code />
      <PasswordField name="password" label={t('signin.password')} hint={t(trunk?.has_password ? 'admin.trunks.password.set' : 'admin.trunks.password.unset')} modes={trunk?.has_password ? ['keep', 'own', 'remove'] : ['keep', 'own']} />
      <SwitchField name="enabled" label={t('admin.trunks.enabled')} hint={t('admin.trunks.enabled.hint')} />
    </Editor>
  )
}
