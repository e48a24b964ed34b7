import { Button, Group, Stack } from '@mantine/core'
import { IconArrowsExchange, IconPhoneOff } from '@tabler/icons-react'
import { useState } from 'react'
import { useHangUp, useHold, useMute } from '../../api/queries'
import type { LiveCall } from '../../api/types'
import { useUser } from '../../api/useSession'
import { END } from '../../theme'
import { useWords, type Key } from '../../i18n'
import { Since } from '../../ui/State'
import { AskHelp } from './AskHelp'
import { CallerFacts } from './CallerFacts'
import { Consultation, TransferDialog } from './Transfer'
import { ownLeg } from './useOwnCall'

/** A call that is at the agent's desk phone, or in another tab: what can be done from here. */
export function DeskPhoneCall({ call }: { call: LiveCall }) {
  const { t } = useWords()
  const { agent_id } = useUser()
  const hold = useHold()
  const mute = useMute()
  const hangUp = useHangUp()
  const [transfer, setTransfer] = useState(false)
  const own = ownLeg(call, agent_id)
  const held = own?.is_held ?? false
  const muted = own?.is_muted ?? false
  const talking = call.state === 'talking'
  return (
    <Stack gap="sm">
      <div aria-live="polite">
        <div className="soft">{t(`call.state.${call.state}` as Key)}{call.queue ? ` · ${call.queue}` : ''} · {t('phone.on_desk_phone')}</div>
        <div className="big">{(call.direction === 'outbound' ? call.called : call.caller) || t('calls.anonymous')}</div>
      </div>
      <span style={{ fontSize: '1.125rem' }}><Since at={call.answered_at ?? call.started_at} /></span>
      <CallerFacts call={call} ringing={!talking} />
      <Consultation call={call} />
      {talking ? (
        <>
          <Group grow gap={8}>
            <Button variant={muted ? 'filled' : 'default'} aria-pressed={muted} loading={mute.isPending} onClick={() => mute.mutate({ id: call.id, muted: !muted })}>
              {t(muted ? 'phone.unmute' : 'phone.mute')}
            </Button>
            <Button variant={held ? 'filled' : 'default'} aria-pressed={held} loading={hold.isPending} onClick={() => hold.mutate({ id: call.id, held: !held })}>
              {t(held ? 'phone.resume' : 'phone.hold')}
            </Button>
          </Group>
          <Button variant="default" onClick={() => setTransfer(true)} leftSection={<IconArrowsExchange size={17} aria-hidden />}>{t('phone.transfer')}</Button>
          <AskHelp call={call} />
        </>
      ) : null}
      <Button color={END} loading={hangUp.isPending} onClick={() => hangUp.mutate(call.id)} leftSection={<IconPhoneOff size={18} aria-hidden />}>{t('phone.hang_up')}</Button>
      {transfer ? <TransferDialog call={call} close={() => setTransfer(false)} /> : null}
    </Stack>
  )
}
