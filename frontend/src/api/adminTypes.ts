/** What administrators see and change; held to the API like types.ts. */
import type { Times, WeeklySpan } from '../features/admin/week'
import type { Role } from './types'

export interface Account {
  id: string
  login: string
  display: string
  role: Role
  agent_id: string | null
  phone: string | null
  disabled: boolean
  created_at: string
}

export interface AgentSettings {
  id: string
  name: string
  extension: string
  skills: Record<string, number>
  auto_answer: boolean
  password: string | null
}

export interface QueueSettings {
  id: string
  name: string
  skill: string
  minimum_level: number
  priority: number
  ring_seconds: number
  wrap_up_seconds: number
  announce_every_seconds: number
  max_waiting: number
  max_wait_seconds: number | null
  music: string | null
  service_level_seconds: number
  service_level_target: number
  short_abandon_seconds: number
  time_zone: string
  auto_answer: boolean
  disposition_required: boolean
  disposition_seconds: number
}

export interface Flow {
  id: string
  name: string
  latest_version: number
  published_version: number | null
}

export interface PhoneNumber {
  number: string
  flow_id: string
  flow_name: string
}

export interface Trunk {
  id: string
  name: string
  networks: string[]
  target: string | null
  username: string | null
  has_password: boolean
  enabled: boolean
  register: boolean
  state: 'up' | 'down' | 'unknown' | 'off'
  state_since: string | null
  state_detail: string
  registration: 'off' | 'trying' | 'registered' | 'failed'
  registered_until: string | null
}

export interface Phone {
  user: string
  display: string
  agent_id: string | null
  registered: boolean
  contacts: string[]
}

export interface PhoneSettings {
  user: string
  display: string
  password: string | null
}

export interface AuditEntry {
  seq: number
  at: string
  actor_id: string | null
  actor: string
  action: string
  subject: string
  data: Record<string, unknown>
}

export type SoundKind = 'announcement' | 'music'

export interface Sound {
  id: string
  name: string
  kind: SoundKind
  duration_ms: number
  size_bytes: number
  spoken_text: string | null
  voice: string | null
}

export interface Voice {
  id: string
  name: string
  is_default: boolean
}

export interface Holiday {
  date: string
  name: string
  spans: Times[]
}

export interface OpeningHours {
  id: string
  name: string
  zone: string
  weekly: WeeklySpan[]
  holidays: Holiday[]
  open_now: boolean
  next_change_at: string | null
}
