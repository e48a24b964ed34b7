import { useLiveCalls } from '../../api/queries'
import type { LiveCall, LiveLeg } from '../../api/types'
import { useUser } from '../../api/useSession'

/** The running call that the signed-in agent takes part in. */
export function useOwnCall(): LiveCall | undefined {
  const { agent_id } = useUser()
  const { data: calls } = useLiveCalls()
  if (!agent_id) return undefined
  return calls?.find((call) => call.agent_id === agent_id || call.legs.some((leg) => leg.agent_id === agent_id))
}

export function ownLeg(call: LiveCall, agentId: string | null): LiveLeg | undefined {
  return call.legs.find((leg) => leg.agent_id !== null && leg.agent_id === agentId)
}

/** Who is being asked for advice: the newest of those who stand aside, or are rung for it. */
export function consultedLeg(call: LiveCall, agentId: string | null): LiveLeg | undefined {
  const own = ownLeg(call, agentId)
  const asked = call.legs.filter((leg) => leg.role === 'target' && (leg.mode === 'aside' || !leg.is_answered)).at(-1)
  const isAsking = own?.mode === 'aside' || asked?.mode === 'aside'
  return asked?.id === own?.id || !isAsking ? undefined : asked
}
