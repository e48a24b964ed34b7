import { Button, Group, Loader, Modal, Stack } from '@mantine/core'
import { useState } from 'react'
import { useDeviceTests, useKeepDeviceTest } from '../../api/queries'
import type { DeviceTest } from '../../api/types'
import { useUser } from '../../api/useSession'
import { useWords } from '../../i18n'
import { measureEcho, playTone, testMicrophone, type Measured } from '../../phone/deviceTest'
import { usePhone, usePhoneTools } from '../../phone/PhoneProvider'
import { useTimes } from '../calls/parts'

const NOT_MEASURED = { round_trip_ms: null, loss_percent: null, jitter_ms: null }

type Step = 'start' | 'microphone' | 'speaker' | 'echo' | 'done'

/** Before a shift: is the microphone there and loud enough, is the speaker heard, does sound travel? */
export function DeviceTestButton({ free }: { free: boolean }) {
  const { t } = useWords()
  const { agent_id } = useUser()
  const { link } = usePhone()
  const { data: tests } = useDeviceTests()
  const [open, setOpen] = useState(false)
  if (!agent_id) return null
  const last = tests?.find((test) => test.agent_id === agent_id)
  return (
    <>
      {link === 'ready' && free ? (
        <Group justify="space-between" gap={6}>
          <Button variant="default" size="xs" onClick={() => setOpen(true)}>{t('device.test')}</Button>
          {last ? <Verdict test={last} /> : <span className="soft">{t('device.never')}</span>}
        </Group>
      ) : null}
      <Modal opened={open} onClose={() => setOpen(false)} title={t('device.title')} closeButtonProps={{ 'aria-label': t('device.close') }}>
        {open ? <Steps agent={agent_id} close={() => setOpen(false)} /> : null}
      </Modal>
    </>
  )
}

export function Verdict({ test }: { test: DeviceTest }) {
  const { t } = useWords()
  const { moment } = useTimes()
  const tone = { good: 'var(--ok)', fair: 'var(--warn)', poor: 'var(--busy)', failed: 'var(--busy)' }[test.verdict]
  return (
    <span className="state" data-shape={test.verdict === 'good' ? 'dot' : test.verdict === 'fair' ? 'bar' : 'ring'} style={{ ['--tone' as string]: tone }}>
      {t(`device.verdict.${test.verdict}`)} <span className="soft">· {moment(test.at)}</span>
    </span>
  )
}

function Steps({ agent, close }: { agent: string; close: () => void }) {
  const { t } = useWords()
  const { phone } = usePhoneTools()
  const keep = useKeepDeviceTest()
  const [step, setStep] = useState<Step>('start')
  const [level, setLevel] = useState(0)
  const [found, setFound] = useState<{ microphone: string; level: number | null }>({ microphone: 'missing', level: null })

  const speak = async () => {
    setStep('microphone')
    const heard = await testMicrophone(setLevel)
    setFound(heard)
    if (heard.microphone !== 'there') return finish(heard, null, null)
    setStep('speaker')
    await playTone()
  }
  const listen = async (speaker: boolean) => {
    setStep('echo')
    finish(found, speaker, await measureEcho(phone))
  }
  const finish = (heard: typeof found, speaker: boolean | null, measured: Measured | null) => {
    setStep('done')
    keep.mutate({ agent, found: { ...heard, speaker, ...(measured ?? NOT_MEASURED) } })
  }

  return (
    <Stack gap="sm" aria-live="polite">
      {step === 'start' ? <><p className="device-text">{t('device.intro')}</p><Button data-autofocus onClick={() => void speak()}>{t('device.start')}</Button></> : null}
      {step === 'microphone' ? (
        <>
          <p className="device-text"><b>1/3</b> {t('device.speak')}</p>
          <div className="level" role="meter" aria-label={t('phone.level')} aria-valuemin={0} aria-valuemax={100} aria-valuenow={Math.round(level * 100)}><div style={{ transform: `scaleX(${level})` }} /></div>
        </>
      ) : null}
      {step === 'speaker' ? (
        <>
          <p className="device-text"><b>2/3</b> {t('device.heard')}</p>
          <Group>
            <Button onClick={() => void listen(true)}>{t('device.yes')}</Button>
            <Button variant="default" onClick={() => void listen(false)}>{t('device.no')}</Button>
            <Button variant="subtle" onClick={() => void playTone()}>{t('device.again')}</Button>
          </Group>
        </>
      ) : null}
      {step === 'echo' ? <Group><Loader size="sm" aria-hidden /> <span><b>3/3</b> {t('device.echo')}</span></Group> : null}
      {step === 'done' ? <Outcome test={keep.data} failed={keep.isError} again={() => setStep('start')} close={close} /> : null}
    </Stack>
  )
}

function Outcome({ test, failed, again, close }: { test: DeviceTest | undefined; failed: boolean; again: () => void; close: () => void }) {
  const { t } = useWords()
  if (!test) return failed ? <p role="alert" className="device-text">{t('device.not_kept')}</p> : <Loader size="sm" aria-label={t('app.loading')} />
  const rows: [string, string][] = [
    [t('device.microphone'), test.microphone !== 'there' ? t('device.microphone.missing') : test.level === null ? '–' : `${Math.round(100 * test.level)} %`],
    [t('device.speaker'), test.speaker === null ? '–' : t(test.speaker ? 'device.yes' : 'device.no')],
    [t('device.connection'), test.loss_percent === null ? t('device.no_echo') : t('phone.quality', { loss: test.loss_percent.toFixed(1), jitter: Math.round(test.jitter_ms ?? 0), rtt: test.round_trip_ms === null ? '–' : Math.round(test.round_trip_ms) })],
    ['MOS', test.mos === null ? '–' : test.mos.toFixed(1)],
  ]
  return (
    <>
      <div className="big"><Verdict test={test} /></div>
      <dl className="facts">{rows.map(([name, value]) => <div className="fact" key={name}><dt>{name}</dt><dd>{value}</dd></div>)}</dl>
      {test.verdict === 'good' ? null : <p className="device-text">{t('device.advice')}</p>}
      <Group justify="flex-end">
        <Button variant="default" onClick={again}>{t('device.once_more')}</Button>
        <Button onClick={close}>{t('device.close')}</Button>
      </Group>
    </>
  )
}
