import { useSyncExternalStore } from 'react'
import { session, type SessionState } from './session'
import type { Role, User } from './types'

export function useSession(): SessionState {
  return useSyncExternalStore(session.subscribe, session.get)
}

/** Only below the sign-in. */
export function useUser(): User {
  const state = useSession()
  if (state.status !== 'in') throw new Error('nobody is signed in')
  return state.user
}

export function supervises(role: Role): boolean {
  return role === 'supervisor' || role === 'administrator'
}

export function seesAllCalls(role: Role): boolean {
  return role !== 'agent'
}
