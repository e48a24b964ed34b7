import { Button, Menu, VisuallyHidden } from '@mantine/core'
import { IconCheck, IconChevronDown } from '@tabler/icons-react'
import { useQueues, useServe } from '../../api/queries'
import type { Agent } from '../../api/types'
import { useWords } from '../../i18n'

/** The queues an agent serves; a supervisor changes each with one click. */
export function ServedQueues({ agent, change }: { agent: Agent; change: boolean }) {
  const { t } = useWords()
  const { data: queues = [] } = useQueues()
  const serve = useServe()
  const serves = (skill: string) => (agent.skills[skill] ?? 0) > 0
  const names = queues.filter((queue) => serves(queue.skill)).map((queue) => queue.name).join(', ') || '–'
  if (!change) return <>{names}</>
  return (
    <Menu position="bottom-start" width={230} withinPortal closeOnItemClick={false}>
      <Menu.Target>
        <Button variant="subtle" color="gray" size="compact-sm" c="inherit" fw={400} loading={serve.isPending} rightSection={<IconChevronDown size={14} aria-hidden />}>
          <VisuallyHidden>{t('agents.queues_of', { name: agent.name })}</VisuallyHidden> {names}
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        {queues.map((queue) => (
          <Menu.Item
            key={queue.id} role="menuitemcheckbox" aria-checked={serves(queue.skill)}
            leftSection={serves(queue.skill) ? <IconCheck size={16} aria-hidden /> : <span style={{ width: 16 }} />}
            onClick={() => serve.mutate({ agent: agent.id, queue: queue.id, serves: !serves(queue.skill) })}
          >
            {queue.name}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  )
}
