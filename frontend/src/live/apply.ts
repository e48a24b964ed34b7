import type { QueryClient } from '@tanstack/react-query'
import { keys } from '../api/queries'
import type { Agent, AgentState, LiveCall, Queue } from '../api/types'
import type { FeedMessage } from './feed'

interface Snapshot {
  agents: Agent[]
  queues: Queue[]
  calls: LiveCall[]
}

interface StateChange {
  agent_id: string
  state: AgentState
  reason: string
  at: string
  work_id: string | null
}

type Family = keyof typeof keys

/** What is out of date after an event; those not named concern nothing that is shown. */
const OUTDATED: Record<string, Family[]> = {
  PhoneRegistered: ['agents'],
  PhoneUnregistered: ['agents'],
  CallQualityMeasured: ['live'],
  CallEnded: ['live', 'calls', 'queues'],
  RecordingStored: ['recordings'],
  RecordingFailed: ['recordings'],
}
const CALL_EVENT = /^(Call|Leg|Flow|Work|Offer|Consult|Supervis|Help)/
/** With the answer's way it is less than half a second from an event to what is shown of it. */
const AT_MOST_EVERY_MS = 200

/** Carries the feed's news into the query cache; what news alone do not tell is asked for. */
export class Applier {
  #client: QueryClient
  #due = new Set<Family>()
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(client: QueryClient) {
    this.#client = client
  }

  take = (message: FeedMessage): void => {
    if (message.type === 'Snapshot') {
      const snapshot = message.data as unknown as Snapshot
      this.#client.setQueryData(keys.agents, snapshot.agents)
      this.#client.setQueryData(keys.queues, snapshot.queues)
      this.#client.setQueryData(keys.live, snapshot.calls)
      this.#outdate(['calls', 'recordings'])
    } else if (message.type === 'AgentStateChanged') {
      this.#stateChanged(message.data as unknown as StateChange)
      this.#outdate(['agents', 'queues'])
    } else if (message.type in OUTDATED) {
      this.#outdate(OUTDATED[message.type]!)
    } else if (CALL_EVENT.test(message.type)) {
      this.#outdate(['live', 'queues'])
    }
  }

  stop(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  #stateChanged(change: StateChange): void {
    this.#client.setQueryData<Agent[]>(keys.agents, (all) =>
      all?.map((agent) =>
        agent.id === change.agent_id
          ? { ...agent, state: change.state, reason: change.reason, since: change.at, call_id: change.work_id, pending: null }
          : agent,
      ),
    )
  }

  #outdate(families: Family[]): void {
    for (const family of families) this.#due.add(family)
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      for (const family of this.#due) void this.#client.invalidateQueries({ queryKey: keys[family] })
      this.#due.clear()
    }, AT_MOST_EVERY_MS)
  }
}
