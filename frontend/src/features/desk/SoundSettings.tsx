import { Button, NativeSelect, Stack } from '@mantine/core'
import { useEffect, useState } from 'react'
import { useWords, type Key } from '../../i18n'
import { audioConstraints, chooseDevice, chosenDevice, listDevices, meter, type Purpose } from '../../phone/devices'
import { usePhoneTools } from '../../phone/PhoneProvider'

const PURPOSES: { purpose: Purpose; name: Key; kind: MediaDeviceKind }[] = [
  { purpose: 'microphone', name: 'phone.microphone', kind: 'audioinput' },
  { purpose: 'speaker', name: 'phone.speaker', kind: 'audiooutput' },
  { purpose: 'ringer', name: 'phone.ringer', kind: 'audiooutput' },
]

export function SoundSettings() {
  const { t } = useWords()
  const { phone, useSpeaker } = usePhoneTools()
  const [devices, setDevices] = useState<MediaDeviceInfo[]>([])
  const [chosen, setChosen] = useState(() => Object.fromEntries(PURPOSES.map(({ purpose }) => [purpose, chosenDevice(purpose) ?? ''])))
  const [testing, setTesting] = useState(false)

  useEffect(() => {
    const look = () => void listDevices().then(setDevices)
    look()
    navigator.mediaDevices?.addEventListener('devicechange', look)
    return () => navigator.mediaDevices?.removeEventListener('devicechange', look)
  }, [testing])

  const choose = (purpose: Purpose, id: string) => {
    chooseDevice(purpose, id || null)
    setChosen({ ...chosen, [purpose]: id })
    if (purpose === 'speaker') useSpeaker()
    if (purpose === 'microphone' && phone.get().line === 'talking') {
      void navigator.mediaDevices
        .getUserMedia({ audio: audioConstraints(id || null) })
        .then((stream) => phone.changeMicrophone(stream.getAudioTracks()[0]!))
        .catch(() => phone.microphoneIs(false))
    }
  }

  return (
    <Stack gap="sm">
      {PURPOSES.map(({ purpose, name, kind }) => (
        <NativeSelect
          key={purpose} label={t(name)} value={chosen[purpose]!} onChange={(event) => choose(purpose, event.currentTarget.value)}
          data={[
            { value: '', label: t('phone.default_device') },
            ...devices.filter((one) => one.kind === kind && one.deviceId && one.deviceId !== 'default').map((one) => ({ value: one.deviceId, label: one.label || one.deviceId.slice(0, 8) })),
          ]}
        />
      ))}
      {testing ? <Level device={chosen['microphone'] || null} failed={() => setTesting(false)} /> : null}
      <Button variant="default" onClick={() => setTesting(!testing)}>{t(testing ? 'phone.stop_test' : 'phone.test')}</Button>
      <Notifications />
    </Stack>
  )
}

function Level({ device, failed }: { device: string | null; failed: () => void }) {
  const { t } = useWords()
  const { phone } = usePhoneTools()
  const [level, setLevel] = useState(0)
  useEffect(() => {
    let stop = () => {}
    let wanted = true
    void navigator.mediaDevices
      ?.getUserMedia({ audio: audioConstraints(device) })
      .then((stream) => {
        const unmeter = meter(stream, setLevel)
        stop = () => {
          unmeter()
          for (const track of stream.getTracks()) track.stop()
        }
        if (!wanted) stop()
      })
      .catch(() => {
        phone.microphoneIs(false)
        failed()
      })
    return () => {
      wanted = false
      stop()
    }
  }, [device, phone])
  return (
    <div className="level" role="meter" aria-label={t('phone.level')} aria-valuemin={0} aria-valuemax={100} aria-valuenow={Math.round(level * 100)}>
      <div style={{ transform: `scaleX(${level})` }} />
    </div>
  )
}

function Notifications() {
  const { t } = useWords()
  const [permission, setPermission] = useState(() => ('Notification' in window ? Notification.permission : 'granted'))
  if (permission === 'granted') return null
  if (permission === 'denied') return <span className="soft">{t('phone.notify.denied')}</span>
  return <Button variant="subtle" onClick={() => void Notification.requestPermission().then(setPermission)} styles={{ label: { whiteSpace: 'normal' } }} h="auto" py={6}>{t('phone.notify')}</Button>
}
