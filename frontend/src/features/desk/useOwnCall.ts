import { useLiveCalls } from '../../api/queries'
import type { LiveCall } from '../../api/types'
import { useUser } from '../../api/useSession'

/** The running call that the signed-in agent takes part in. */
export function useOwnCall(): LiveCall | undefined {
  const { agent_id } = useUser()
  const { data: calls } = useLiveCalls()
  if (!agent_id) return undefined
  return calls?.find((call) => call.agent_id === agent_id || call.legs.some((leg) => leg.agent_id === agent_id))
}
