import { QueryClient } from '@tanstack/react-query'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { keys } from '../api/queries'
import type { Agent } from '../api/types'
import { Applier } from './apply'

const anna: Agent = {
  id: 'a', name: 'Anna', extension: '1001', skills: {}, state: 'available', reason: '',
  pending: null, since: '2026-11-21T09:00:00Z', call_id: null, reachable: true, wrap_up_until: null, auto_answer: false, disposition_due: null,
}

function setUp() {
  const client = new QueryClient()
  const applier = new Applier(client)
  applier.take({ sequence: 1, type: 'Snapshot', data: { agents: [anna], queues: [], calls: [] } })
  const invalidated = vi.spyOn(client, 'invalidateQueries')
  const asked = () => invalidated.mock.calls.map(([filter]) => String(filter?.queryKey?.[0])).sort()
  return { client, applier, asked, agent: () => client.getQueryData<Agent[]>(keys.agents)![0]! }
}

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

test('a state change shows at once', () => {
  const { applier, agent } = setUp()
  const data = { agent_id: 'a', state: 'away', reason: 'lunch', at: '2026-11-21T10:00:00Z', work_id: null }
  applier.take({ sequence: 2, type: 'AgentStateChanged', data })
  expect(agent()).toMatchObject({ state: 'away', reason: 'lunch', since: '2026-11-21T10:00:00Z' })
})

test('many events are one question', () => {
  const { applier, asked } = setUp()
  vi.advanceTimersByTime(1_000)
  const before = asked().length
  for (let n = 2; n < 50; n += 1) applier.take({ sequence: n, type: 'LegStarted', data: {} })
  applier.take({ sequence: 50, type: 'CallEnded', data: {} })
  vi.advanceTimersByTime(1_000)
  expect(asked().length - before).toBe(3)
})
