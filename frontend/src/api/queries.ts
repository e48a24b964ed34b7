import { keepPreviousData, useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { api, withQuery } from './client'
import type {
  Agent,
  AskedState,
  Call,
  CallDetail,
  LiveCall,
  Page,
  Queue,
  Recording,
  TimelineEvent,
} from './types'

export const keys = {
  agents: ['agents'] as const,
  queues: ['queues'] as const,
  live: ['live-calls'] as const,
  calls: ['calls'] as const,
  recordings: ['recordings'] as const,
}

/** The feed keeps these fresh; they are asked for again now and then in case it is away. */
export const useAgents = () =>
  useQuery({
    queryKey: keys.agents,
    queryFn: async () => (await api.whole<Page<Agent>>('/agents?limit=100&order=asc')).data,
    refetchInterval: 30_000,
  })

/** Agents hear of no other agents' calls, so waiting callers are asked for. */
export const useQueues = () =>
  useQuery({
    queryKey: keys.queues,
    queryFn: () => api.get<Queue[]>('/queues'),
    refetchInterval: 5_000,
  })

export const useLiveCalls = () =>
  useQuery({
    queryKey: keys.live,
    queryFn: () => api.get<LiveCall[]>('/calls/live'),
    refetchInterval: 30_000,
  })

export interface CallQuery {
  page: number
  limit: number
  since?: string
  agent_id?: string | null
  caller?: string
  direction?: string | null
}

export const useCalls = (query: CallQuery) =>
  useQuery({
    queryKey: [...keys.calls, query],
    queryFn: () => api.whole<Page<Call>>(withQuery('/calls', { ...query })),
    placeholderData: keepPreviousData,
  })

export const useCall = (id: string | null) =>
  useQuery({
    queryKey: [...keys.calls, 'one', id],
    queryFn: () => api.get<CallDetail>(`/calls/${id}`),
    enabled: id !== null,
  })

export const useTimeline = (id: string | null) =>
  useQuery({
    queryKey: [...keys.calls, 'timeline', id],
    queryFn: () => api.get<TimelineEvent[]>(`/calls/${id}/timeline`),
    enabled: id !== null,
  })

export const useRecordings = (query: { page: number; limit: number; kind?: string | null }) =>
  useQuery({
    queryKey: [...keys.recordings, query],
    queryFn: () => api.whole<Page<Recording>>(withQuery('/recordings', { ...query })),
    placeholderData: keepPreviousData,
  })

/** An answer about one agent is the newest there is: it goes where the feed's news go. */
function useAgentChange<T>(change: (given: T) => Promise<Agent>) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: change,
    onSuccess: (agent) =>
      client.setQueryData<Agent[]>(keys.agents, (all) =>
        all?.map((one) => (one.id === agent.id ? agent : one)),
      ),
  })
}

export const useSetState = () =>
  useAgentChange(({ id, state, reason = '' }: { id: string; state: AskedState; reason?: string }) =>
    api.put<Agent>(`/agents/${id}/state`, { state, reason }),
  )

export const useEndWrapUp = () =>
  useAgentChange((id: string) => api.post<Agent>(`/agents/${id}/wrap-up/end`))
