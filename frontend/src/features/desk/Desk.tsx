import { Directory } from './Directory'
import { MyCalls } from './MyCalls'
import { PhonePanel } from './PhonePanel'

export function Desk() {
  return (
    <div className="desk">
      <PhonePanel />
      <MyCalls />
      <Directory />
    </div>
  )
}
