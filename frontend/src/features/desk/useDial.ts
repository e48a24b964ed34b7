import { useOriginate } from '../../api/queries'
import { usePhone, usePhoneTools } from '../../phone/PhoneProvider'
import { notify } from '../../ui/notices'

/** Call somebody: with the phone of this tab where it is one, else by way of the desk phone. */
export function useDial(): { dial: (number: string) => void; busy: boolean } {
  const { phone } = usePhoneTools()
  const { link, line } = usePhone()
  const originate = useOriginate()
  const dial = (number: string) => {
    if (link === 'ready') return phone.dial(number)
    originate.mutate(number, { onSuccess: () => notify('info', ({ t }) => t('phone.desk_rings')) })
  }
  // While the phone of this tab is on its way, a call by the desk phone would surprise.
  const busy = line !== 'idle' || originate.isPending || link === 'connecting' || link === 'lost'
  return { dial, busy }
}
