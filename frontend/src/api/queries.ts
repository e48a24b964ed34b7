import { keepPreviousData, useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { api, withQuery } from './client'
import type {
  Agent,
  AskedState,
  Call,
  CallDetail,
  ConsultAction,
  Contact,
  DeviceTest,
  Disposition,
  LiveCall,
  Page,
  Queue,
  Recording,
  SupervisionMode,
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

/** Who calls: asked for as soon as it rings. */
export const useContacts = (call: string | undefined) =>
  useQuery({
    queryKey: ['contacts', call],
    queryFn: () => api.get<Contact[]>(`/calls/live/${call}/contacts`),
    enabled: call !== undefined,
    staleTime: Infinity,
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

/** Which queues an agent serves, from the next offer on. */
export function useServe() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: ({ agent, queue, serves }: { agent: string; queue: string; serves: boolean }) =>
      api.put<{ id: string; skills: Record<string, number> }>(`/agents/${agent}/queues/${queue}`, { serves }),
    onSuccess: ({ id, skills }) => {
      client.setQueryData<Agent[]>(keys.agents, (all) => all?.map((one) => (one.id === id ? { ...one, skills } : one)))
      void client.invalidateQueries({ queryKey: keys.queues })
    },
  })
}

export const useEndWrapUp = () =>
  useAgentChange((id: string) => api.post<Agent>(`/agents/${id}/wrap-up/end`))

export const useDispositions = () =>
  useQuery({
    queryKey: ['dispositions'],
    queryFn: () => api.get<Disposition[]>('/dispositions'),
    staleTime: 300_000,
  })

/** What became of a call, in the words of whoever took it. */
export function useSetWrapUp() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: ({ call, disposition, note }: { call: string; disposition: string | null; note: string }) =>
      api.put(`/calls/${call}/wrap-up`, { disposition, note }),
    onSettled: () => {
      // It may have been what the agent was waited for.
      void client.invalidateQueries({ queryKey: keys.agents })
      return client.invalidateQueries({ queryKey: keys.calls })
    },
  })
}

export const useDeviceTests = () =>
  useQuery({
    queryKey: ['device-tests'],
    queryFn: () => api.get<DeviceTest[]>('/device-tests'),
    refetchInterval: 60_000,
  })

export type DeviceFindings = Omit<DeviceTest, 'agent_id' | 'at' | 'verdict' | 'mos'>

export function useKeepDeviceTest() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: ({ agent, found }: { agent: string; found: DeviceFindings }) =>
      api.put<DeviceTest>(`/agents/${agent}/device-test`, found),
    onSettled: () => client.invalidateQueries({ queryKey: ['device-tests'] }),
  })
}

/** What can be done to a call that runs; the feed then tells what came of it. */
function useLiveAction<T>(act: (given: T) => Promise<unknown>) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: act,
    onSettled: () => client.invalidateQueries({ queryKey: keys.live }),
  })
}

const live = (id: string) => `/calls/live/${id}`

export const useHold = () =>
  useLiveAction(({ id, held }: { id: string; held: boolean }) => api.post(`${live(id)}/hold`, { held }))

export const useMute = () =>
  useLiveAction(({ id, muted }: { id: string; muted: boolean }) => api.post(`${live(id)}/mute`, { muted }))

/** A phone, an outside number, or a queue by its name. */
export type Target = { to: string } | { queue: string }

export const useTransfer = () =>
  useLiveAction(({ id, target }: { id: string; target: Target }) => api.post(`${live(id)}/transfer`, target))

export const useConsult = () =>
  useLiveAction(({ id, to }: { id: string; to: string }) => api.post(`${live(id)}/consult`, { to }))

export const useConsultAction = () =>
  useLiveAction(({ id, action }: { id: string; action: ConsultAction }) =>
    api.put(`${live(id)}/consult`, { action }),
  )

export const useSupervise = () =>
  useLiveAction(({ id, mode }: { id: string; mode: SupervisionMode | null }) =>
    mode ? api.put(`${live(id)}/supervision`, { mode }) : api.delete(`${live(id)}/supervision`),
  )

export const useAskHelp = () =>
  useLiveAction(({ id, reason, text }: { id: string; reason: string; text: string }) =>
    api.post(`${live(id)}/help`, { reason, text }),
  )

export const useTakeHelp = () => useLiveAction((id: string) => api.put(`${live(id)}/help`))

export const useWithdrawHelp = () => useLiveAction((id: string) => api.delete(`${live(id)}/help`))

export const useHangUp = () => useLiveAction((id: string) => api.delete(live(id)))

/** Rings the own desk phone first, then the other. */
export const useOriginate = () =>
  useLiveAction((to: string) => api.post<{ id: string }>('/calls', { to }))
