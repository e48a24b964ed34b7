import { useLocation } from 'wouter'
import { usePhone } from '../../phone/PhoneProvider'
import { CallCard } from './CallCard'
import { useOwnCall } from './useOwnCall'

/** A call of the phone on every page but the desk, which shows it in its own place. */
export function CallElsewhere() {
  const [path] = useLocation()
  const { line } = usePhone()
  const call = useOwnCall()
  if (path === '/desk' || line === 'idle') return null
  return <div className="panel floating"><div className="inside"><CallCard call={call} /></div></div>
}
