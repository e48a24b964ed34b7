import { ActionIcon, TextInput } from '@mantine/core'
import { IconPhone } from '@tabler/icons-react'
import { useState } from 'react'
import { useAgents, useQueues } from '../../api/queries'
import { useUser } from '../../api/useSession'
import { useWords } from '../../i18n'
import { Nothing, Panel } from '../../ui/Panel'
import { Since, StateLabel } from '../../ui/State'
import { useDial } from './useDial'

export function Directory() {
  const { t } = useWords()
  const { agent_id } = useUser()
  const { data: agents = [] } = useAgents()
  const { data: queues = [] } = useQueues()
  const { dial, busy } = useDial()
  const [typed, setTyped] = useState('')
  const wanted = typed.trim().toLowerCase()
  const others = agents.filter(
    (agent) => agent.id !== agent_id && `${agent.name} ${agent.extension}`.toLowerCase().includes(wanted),
  )
  return (
    <Panel title={t('directory.title')} className="directory">
      <div className="inside" style={{ paddingBottom: 6 }}>
        <TextInput aria-label={t('directory.search')} placeholder={t('directory.search')} value={typed} onChange={(event) => setTyped(event.currentTarget.value)} autoComplete="off" />
      </div>
      {others.length === 0 ? <Nothing>{t('directory.none')}</Nothing> : null}
      <div role="list">
        {others.map((agent) => (
          <div className="entry" role="listitem" key={agent.id}>
            <div className="who">
              <div className="one"><b style={{ fontWeight: 600 }}>{agent.name}</b> <span className="soft">{agent.extension}</span></div>
              <StateLabel state={agent.state} reason={agent.reason} /> <span className="soft"><Since at={agent.since} /></span>
            </div>
            <ActionIcon className="plain" variant="default" size={34} disabled={busy} onClick={() => dial(agent.extension)} aria-label={t('directory.call', { name: agent.name })}>
              <IconPhone size={17} aria-hidden />
            </ActionIcon>
          </div>
        ))}
      </div>
      <header style={{ padding: '8px 14px', borderTop: '1px solid var(--line)', borderBottom: '1px solid var(--line)' }}><h3>{t('queues.title')}</h3></header>
      <div role="list">
        {queues.map((queue) => (
          <div className="entry" role="listitem" key={queue.id}>
            <div className="who one">{queue.name}</div>
            <span className={queue.waiting > 0 ? 'alarm' : 'soft'}>{t('directory.waiting', { count: queue.waiting })}</span>
            <span className="soft">{t('directory.free', { count: queue.agents_available })}</span>
          </div>
        ))}
      </div>
    </Panel>
  )
}
