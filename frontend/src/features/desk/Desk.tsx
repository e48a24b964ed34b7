import { Directory } from './Directory'
import { MyCalls } from './MyCalls'
import { PhonePanel } from './PhonePanel'
import { WrapUpForm } from './WrapUpForm'

export function Desk() {
  return (
    <div className="desk">
      <PhonePanel />
      <div className="desk-middle">
        <WrapUpForm />
        <MyCalls />
      </div>
      <Directory />
    </div>
  )
}
