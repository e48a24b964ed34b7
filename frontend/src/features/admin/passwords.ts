import type { PasswordChoice } from './fields'

/** As the API wants it: left out to keep it, null to have one made, or to remove it. */
export function passwordOf({ mode, text }: PasswordChoice): { password?: string | null } {
  if (mode === 'keep') return {}
  return { password: mode === 'own' ? text : null }
}
