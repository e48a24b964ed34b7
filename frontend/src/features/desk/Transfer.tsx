import { Alert, Button, Group, Modal, Stack, TextInput } from '@mantine/core'
import { useState } from 'react'
import { useAgents, useConsult, useConsultAction, useQueues, useTransfer, type Target } from '../../api/queries'
import type { ConsultAction, LiveCall } from '../../api/types'
import { useUser } from '../../api/useSession'
import { useWords } from '../../i18n'
import { StateLabel } from '../../ui/State'
import { dialString } from './dialString'
import { consultedLeg, ownLeg } from './useOwnCall'

interface Choice {
  key: string
  name: string
  /** Who can be asked first; a queue cannot. */
  phone: string | null
  target: Target
}

export function TransferDialog({ call, close }: { call: LiveCall; close: () => void }) {
  const { t } = useWords()
  const { agent_id } = useUser()
  const { data: agents = [] } = useAgents()
  const { data: queues = [] } = useQueues()
  const [typed, setTyped] = useState('')
  const [chosen, setChosen] = useState<Choice | null>(null)
  const transfer = useTransfer()
  const consult = useConsult()
  const wanted = typed.trim().toLowerCase()
  const fits = (...texts: string[]) => texts.some((text) => text.toLowerCase().includes(wanted))
  const number = dialString(typed)
  const people = agents.filter((agent) => agent.id !== agent_id && fits(agent.name, agent.extension))
  const lines = queues.filter((queue) => fits(queue.name))
  const option = (choice: Choice, detail: React.ReactNode) => (
    <Button
      key={choice.key} variant={chosen?.key === choice.key ? 'light' : 'subtle'} color="gray" c="inherit" fw={400} fullWidth justify="space-between"
      aria-pressed={chosen?.key === choice.key} onClick={() => setChosen(choice)} rightSection={detail}
    >
      {choice.name}
    </Button>
  )
  return (
    <Modal opened onClose={close} title={t('transfer.title')} closeButtonProps={{ 'aria-label': t('transfer.close') }}>
      <Stack gap="sm">
        <TextInput data-autofocus label={t('transfer.to')} placeholder={t('transfer.choose')} value={typed} onChange={(event) => { setTyped(event.currentTarget.value); setChosen(null) }} autoComplete="off" />
        <div className="scroll" style={{ maxHeight: 300 }}>
          {number && /\d/.test(number) && !people.some((agent) => agent.extension === number)
            ? option({ key: 'n', name: t('transfer.number_option', { number }), phone: number, target: { to: number } }, null)
            : null}
          {people.length > 0 ? <h3 className="soft">{t('transfer.agents')}</h3> : null}
          {people.map((agent) =>
            option(
              { key: agent.id, name: `${agent.name} · ${agent.extension}`, phone: agent.extension, target: { to: agent.extension } },
              <StateLabel state={agent.state} reason={agent.reason} />,
            ),
          )}
          {lines.length > 0 ? <h3 className="soft">{t('transfer.queues')}</h3> : null}
          {lines.map((queue) =>
            option(
              { key: queue.id, name: queue.name, phone: null, target: { queue: queue.name } },
              <span className="soft">{t('directory.waiting', { count: queue.waiting })} · {t('directory.free', { count: queue.agents_available })}</span>,
            ),
          )}
        </div>
        <Group grow>
          <Button
            variant="default" disabled={!chosen?.phone} loading={consult.isPending}
            onClick={() => chosen?.phone && consult.mutate({ id: call.id, to: chosen.phone }, { onSuccess: close })}
          >
            {t('transfer.consult')}
          </Button>
          <Button
            disabled={!chosen} loading={transfer.isPending}
            onClick={() => chosen && transfer.mutate({ id: call.id, target: chosen.target }, { onSuccess: close })}
          >
            {t('transfer.blind')}
          </Button>
        </Group>
      </Stack>
    </Modal>
  )
}

const ACTIONS: ConsultAction[] = ['complete', 'swap', 'conference', 'cancel']

/** While somebody is asked for advice: what becomes of it. */
export function Consultation({ call }: { call: LiveCall }) {
  const { t } = useWords()
  const { agent_id } = useUser()
  const { data: agents = [] } = useAgents()
  const act = useConsultAction()
  const asked = consultedLeg(call, agent_id)
  if (!asked) return null
  const here = asked.mode !== 'aside' || ownLeg(call, agent_id)?.mode === 'aside'
  const target = agents.find((agent) => agent.id === asked.agent_id)?.name ?? asked.party
  return (
    <Alert variant="outline" color="sea">
      <Stack gap="xs">
        <span aria-live="polite">{t(!asked.is_answered ? 'consult.rings' : here ? 'consult.with' : 'consult.without', { target })}</span>
        {ACTIONS.map((action) => (
          <Button
            key={action} size="xs" variant={action === 'complete' ? 'filled' : 'default'} disabled={action !== 'cancel' && !asked.is_answered}
            loading={act.isPending && act.variables?.action === action} onClick={() => act.mutate({ id: call.id, action })}
          >
            {t(`consult.${action}`)}
          </Button>
        ))}
      </Stack>
    </Alert>
  )
}
