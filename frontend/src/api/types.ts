/** What the API answers, as far as the pages read it; tests/server/test_page_types.py holds it to that. */

export type Role = 'administrator' | 'supervisor' | 'agent' | 'viewer'

export interface User {
  id: string
  login: string
  display: string
  role: Role
  agent_id: string | null
}

export interface WebSession {
  access_token: string
  expires_in: number
  user: User
}

export type AgentState =
  | 'offline'
  | 'available'
  | 'offered'
  | 'engaged'
  | 'wrap_up'
  | 'away'
  | 'not_responding'

/** What a person may ask for; the others come about by themselves. */
export type AskedState = 'available' | 'away' | 'offline'

export interface Agent {
  id: string
  name: string
  extension: string
  skills: Record<string, number>
  state: AgentState
  reason: string
  pending: AgentState | null
  since: string
  call_id: string | null
  reachable: boolean
  /** When the wrap-up time ends by itself; absent from servers that do not say. */
  wrap_up_until: string | null
  auto_answer: boolean
  /** The call that needs a disposition before the agent can be available again. */
  disposition_due: string | null
}

export interface Queue {
  id: string
  name: string
  skill: string
  waiting: number
  longest_wait_ms: number
  agents_available: number
  agents_logged_in: number
  offered: number
  answered: number
  abandoned: number
  flowed_out: number
  answered_in_time: number
  abandoned_short: number
  /** Percent; nothing while there is nobody to count. */
  service_level: number | null
  service_level_seconds: number
  service_level_target: number
  short_abandon_seconds: number
}

export interface LiveLeg {
  id: string
  role: string
  party: string
  agent_id: string | null
  is_answered: boolean
  /** The party has put the others on hold. */
  is_held: boolean
  is_muted: boolean
  /** `talk`, `aside` in a consultation, or how a supervisor takes part. */
  mode: string
  quality: LiveQuality | null
}

/** How a leg sounded within the last seconds. */
export interface LiveQuality {
  verdict: 'good' | 'fair' | 'poor'
  loss_percent: number
  jitter_ms: number
  round_trip_ms: number | null
  mos: number
}

export interface LiveCall {
  id: string
  direction: Direction
  caller: string
  called: string
  started_at: string
  answered_at: string | null
  state: string
  node: string
  queue: string
  agent_id: string | null
  legs: LiveLeg[]
  /** Since when the caller waits, or waited last, for an agent. */
  queued_at: string | null
  choices: Choice[]
  help: HelpRequest | null
}

/** What the last test of an agent's devices found. */
export interface DeviceTest {
  agent_id: string
  at: string
  verdict: 'good' | 'fair' | 'poor' | 'failed'
  microphone: string
  level: number | null
  speaker: boolean | null
  round_trip_ms: number | null
  loss_percent: number | null
  jitter_ms: number | null
  mos: number | null
}

/** An agent asks a supervisor for help. */
export interface HelpRequest {
  agent_id: string | null
  reason: string
  text: string
  since: string
  /** Login of who said to come. */
  taken_by: string | null
}

/** What the caller pressed in a menu, or `timeout` or `invalid`. */
export interface Choice {
  menu: string
  key: string
  led_to: string
}

/** An earlier call with the same number. */
export interface Contact {
  id: string
  direction: Direction
  started_at: string
  answered_at: string | null
  ended_at: string | null
  cause: string | null
  queue: string | null
  agent_name: string | null
  disposition: string | null
  note: string
}

export type Direction = 'inbound' | 'internal' | 'outbound'

export interface Call {
  id: string
  direction: Direction
  caller: string
  called: string
  started_at: string
  answered_at: string | null
  ended_at: string | null
  cause: string | null
  sip_status: number | null
  flow_name: string | null
  agent_id: string | null
  agent_name: string | null
  disposition: string | null
  note: string
}

export interface Disposition {
  code: string
  label: string
  position: number
}

export interface Quality {
  packets_received: number
  packets_lost: number
  packets_late: number
  jitter_ms: number
  round_trip_ms: number | null
  mos: number
}

export interface Leg {
  id: string
  role: string
  party: string
  agent_name: string | null
  started_at: string
  answered_at: string | null
  ended_at: string | null
  codec: string | null
  cause: string | null
  sip_status: number | null
  quality: Quality | null
}

export interface QueueVisit {
  queue_id: string
  queue: string | null
  entered_at: string
  left_at: string | null
  position: number
  offers: number
  result: string | null
  waited_ms: number | null
}

export interface RecordingRef {
  id: string
  kind: string
  duration_ms: number | null
  complete: boolean
}

export interface CallDetail extends Call {
  legs: Leg[]
  queue_visits: QueueVisit[]
  recordings: RecordingRef[]
}

export interface TimelineEvent {
  at: string
  type: string
  data: Record<string, unknown>
}

export interface Recording {
  id: string
  call_id: string
  kind: string
  started_at: string
  stored_at: string | null
  duration_ms: number | null
  size_bytes: number | null
  channels: number | null
  complete: boolean
  failed_reason: string | null
  caller: string | null
  agent_name: string | null
}

/** Good for one connection of the softphone. */
export interface SoftphoneTicket {
  ticket: string
  expires_at: string
  user: string
  domain: string
  ws_url: string
  ice_servers: IceServer[]
}

export interface IceServer {
  urls: string[]
  username: string | null
  credential: string | null
}

export type SupervisionMode = 'listen' | 'whisper' | 'barge' | 'take_over'
export type ConsultAction = 'complete' | 'swap' | 'conference' | 'cancel'

export interface Page<T> {
  data: T[]
  pagination: { total: number; page: number; limit: number; pages: number }
}
