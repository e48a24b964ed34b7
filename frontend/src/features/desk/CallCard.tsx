import { Button, Collapse, Group, Stack } from '@mantine/core'
import {
  IconArrowsExchange, IconDialpad, IconMicrophone, IconMicrophoneOff, IconPhone, IconPhoneOff, IconPlayerPause, IconPlayerPlay,
} from '@tabler/icons-react'
import { useEffect, useState } from 'react'
import { useHold } from '../../api/queries'
import type { LiveCall } from '../../api/types'
import { useUser } from '../../api/useSession'
import { END, TAKE } from '../../theme'
import { useWords, type Words } from '../../i18n'
import { usePhone, usePhoneTools, useQuality } from '../../phone/PhoneProvider'
import { estimate, verdict } from '../../phone/quality'
import { duration } from '../../ui/format'
import { QualityMark } from '../../ui/QualityMark'
import { useNow } from '../../ui/useNow'
import { AskHelp } from './AskHelp'
import { CallerFacts } from './CallerFacts'
import { DialPad } from './DialPad'
import { Consultation, TransferDialog } from './Transfer'
import { ownLeg } from './useOwnCall'

/** The call of the phone in this tab. `call` is what the server says of it, once it is known. */
export function CallCard({ call }: { call: LiveCall | undefined }) {
  const { line } = usePhone()
  return line === 'ringing' ? <Incoming call={call} /> : <Running call={call} />
}

function Incoming({ call }: { call: LiveCall | undefined }) {
  const { t } = useWords()
  const { party } = usePhone()
  const { phone } = usePhoneTools()
  const why = whyItRings(party?.name ?? '', party?.number ?? '', call?.queue ?? '', t)
  return (
    <div className="incoming" role="alertdialog" aria-label={t('phone.incoming')}>
      <Stack gap="sm">
        <div aria-live="assertive">
          <div className="soft">{t('phone.incoming')}</div>
          <div className="big">{call?.caller || shown(party?.number) || t('calls.anonymous')}</div>
          {why ? <div>{why}</div> : null}
        </div>
        <Stack gap={8}>
          <Button color={TAKE} size="md" autoFocus leftSection={<IconPhone size={18} aria-hidden />} rightSection={<kbd aria-hidden>F2</kbd>} onClick={() => phone.accept()}>
            {t('phone.accept')}
          </Button>
          <Button color={END} size="md" leftSection={<IconPhoneOff size={18} aria-hidden />} rightSection={<kbd aria-hidden>F9</kbd>} onClick={() => phone.hangUp()}>
            {t('phone.decline')}
          </Button>
        </Stack>
        {/* Below the buttons, which must not move under somebody's hand when this arrives. */}
        {call ? <CallerFacts call={call} ringing /> : null}
      </Stack>
    </div>
  )
}

function Running({ call }: { call: LiveCall | undefined }) {
  const { t } = useWords()
  const state = usePhone()
  const { phone } = usePhoneTools()
  const now = useNow()
  const hold = useHold()
  const { agent_id } = useUser()
  const [keypad, setKeypad] = useState(false)
  const [transfer, setTransfer] = useState(false)
  const talking = state.line === 'talking'
  const name = call?.caller && !state.outgoing ? call.caller : state.party?.number
  const title = state.line === 'ending'
    ? t('phone.ending')
    : !talking ? t(state.progress ? 'phone.ringing_there' : 'phone.dialling') : t(state.held ? 'phone.held' : 'phone.talking')

  const own = call && ownLeg(call, agent_id)
  const heldThere = own?.is_held
  useEffect(() => {
    if (heldThere !== undefined) phone.held(heldThere)
  }, [phone, heldThere])

  const toggleHold = () => {
    if (!call || !talking) return
    const held = !phone.get().held
    hold.mutate({ id: call.id, held }, { onSuccess: () => phone.held(held) })
  }
  useEffect(() => {
    addEventListener('murima-hold', toggleHold)
    return () => removeEventListener('murima-hold', toggleHold)
  })

  return (
    <Stack gap="sm">
      <div aria-live="polite">
        <div className="soft">{title}</div>
        <div className="big">{shown(name) || t('calls.anonymous')}</div>
      </div>
      <Group justify="space-between">
        <span role="timer" style={{ fontSize: '1.125rem' }}>{duration(now - state.since)}</span>
        {talking ? <OwnQuality /> : null}
      </Group>
      {call ? <CallerFacts call={call} ringing={false} /> : null}
      {call ? <Consultation call={call} /> : null}
      {talking ? (
        <>
          <Group grow gap={8}>
            <Button
              variant={state.muted ? 'filled' : 'default'} aria-pressed={state.muted} onClick={() => phone.toggleMute()} px={6} title="F4"
              leftSection={state.muted ? <IconMicrophoneOff size={17} aria-hidden /> : <IconMicrophone size={17} aria-hidden />}
            >
              {t(state.muted ? 'phone.unmute' : 'phone.mute')}
            </Button>
            <Button
              variant={state.held ? 'filled' : 'default'} aria-pressed={state.held} disabled={!call} loading={hold.isPending} onClick={toggleHold} px={6} title="F8"
              leftSection={state.held ? <IconPlayerPlay size={17} aria-hidden /> : <IconPlayerPause size={17} aria-hidden />}
            >
              {t(state.held ? 'phone.resume' : 'phone.hold')}
            </Button>
          </Group>
          <Group grow gap={8}>
            <Button variant="default" aria-expanded={keypad} px={6} onClick={() => setKeypad(!keypad)} leftSection={<IconDialpad size={17} aria-hidden />}>{t('phone.keypad')}</Button>
            <Button variant="default" disabled={!call} px={6} onClick={() => setTransfer(true)} leftSection={<IconArrowsExchange size={17} aria-hidden />}>{t('phone.transfer')}</Button>
          </Group>
          {call ? <AskHelp call={call} /> : null}
          <Collapse expanded={keypad}><DialPad press={(digit) => phone.digit(digit)} /></Collapse>
        </>
      ) : null}
      <Button
        color={END} size="md" disabled={state.line === 'ending'} onClick={() => phone.hangUp()}
        leftSection={<IconPhoneOff size={18} aria-hidden />} rightSection={<kbd aria-hidden>F9</kbd>}
      >
        {t('phone.hang_up')}
      </Button>
      {call && transfer ? <TransferDialog call={call} close={() => setTransfer(false)} /> : null}
    </Stack>
  )
}

function OwnQuality() {
  const { t } = useWords()
  const quality = useQuality()
  if (!quality) return <span className="soft">{t('phone.quality.none')}</span>
  return <QualityMark of={{ ...quality, verdict: verdict(quality), mos: estimate(quality) }} />
}

/** The server's From says why it rings: a queue, somebody who asks for advice, or a supervision. */
function whyItRings(name: string, number: string, queue: string, t: Words['t']): string {
  const [, kind, who] = /^(Consultation|Supervise): (.*)$/.exec(name) ?? []
  if (kind === 'Consultation') return t('phone.incoming.consult', { name: who ?? '' })
  if (kind === 'Supervise') return t('phone.incoming.supervise', { name: who ?? '' })
  const from = queue || (name !== number ? name : '')
  return from ? t('phone.incoming.queue', { queue: from }) : ''
}

/** RFC 3323: a caller who withholds the number is called so. */
function shown(number: string | undefined): string {
  return number === 'anonymous' || !number ? '' : number
}
