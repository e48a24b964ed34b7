import { ActionIcon, Alert, Button, Group, Popover, Stack, TextInput } from '@mantine/core'
import { IconBackspace, IconPhone, IconSettings } from '@tabler/icons-react'
import { useState, type FormEvent } from 'react'
import { useUser } from '../../api/useSession'
import { useWords, type Key } from '../../i18n'
import type { Link } from '../../phone/machine'
import { usePhone, usePhoneTools } from '../../phone/PhoneProvider'
import { Panel } from '../../ui/Panel'
import { CallCard } from './CallCard'
import { DeskPhoneCall } from './DeskPhoneCall'
import { DeviceTestButton } from './DeviceTestDialog'
import { DialPad } from './DialPad'
import { dialString } from './dialString'
import { SoundSettings } from './SoundSettings'
import { useDial } from './useDial'
import { useOwnCall } from './useOwnCall'

const MARKS: Record<Link, { name: Key; tone: string; shape: string }> = {
  off: { name: 'phone.connecting', tone: 'var(--quiet)', shape: 'ring' },
  no_phone: { name: 'phone.on_desk_phone', tone: 'var(--quiet)', shape: 'dot' },
  elsewhere: { name: 'phone.elsewhere', tone: 'var(--quiet)', shape: 'ring' },
  connecting: { name: 'phone.connecting', tone: 'var(--warn)', shape: 'ring' },
  ready: { name: 'phone.ready', tone: 'var(--ok)', shape: 'dot' },
  lost: { name: 'feed.offline', tone: 'var(--busy)', shape: 'ring' },
  refused: { name: 'feed.offline', tone: 'var(--busy)', shape: 'ring' },
}

export function PhonePanel() {
  const { t } = useWords()
  const { link, line } = usePhone()
  const call = useOwnCall()
  const mark = MARKS[link]
  return (
    <Panel
      title={t('phone.title')}
      extra={
        <Group gap={8} wrap="nowrap">
          <span className="state" role="status" data-link={link} data-shape={mark.shape} style={{ ['--tone' as string]: mark.tone }}>{t(mark.name)}</span>
          <Popover position="bottom-end" width={300} shadow="md" withinPortal trapFocus>
            <Popover.Target>
              <ActionIcon variant="subtle" color="gray" c="inherit" size={30} aria-label={t('phone.settings')}><IconSettings size={18} aria-hidden /></ActionIcon>
            </Popover.Target>
            <Popover.Dropdown><SoundSettings /></Popover.Dropdown>
          </Popover>
        </Group>
      }
    >
      <div className="inside">
        <Stack gap="sm">
          <Troubles />
          {line !== 'idle' ? <CallCard call={call} /> : call ? <DeskPhoneCall call={call} /> : <Dialler />}
          {/* Here, where it outlives the test call. */}
          <DeviceTestButton free={!call && line === 'idle'} />
        </Stack>
      </div>
    </Panel>
  )
}

function Troubles() {
  const { t } = useWords()
  const { link, reason } = usePhone()
  const { microphone, tryMicrophone, take } = usePhoneTools()
  const isPhone = link === 'ready' || link === 'lost' || link === 'connecting'
  return (
    <>
      {link === 'elsewhere' ? <Alert color="sea" variant="outline"><Stack gap="xs"><span>{t('phone.elsewhere')}</span><Button size="xs" onClick={take}>{t('phone.take')}</Button></Stack></Alert> : null}
      {link === 'lost' ? <Alert color="red" variant="outline" role="alert">{t('phone.lost')}</Alert> : null}
      {link === 'refused' ? <Alert color="red" variant="outline" role="alert">{t('phone.refused', { reason })}</Alert> : null}
      {isPhone && microphone !== 'there' ? (
        <Alert color="red" variant="outline" role="alert">
          <Stack gap="xs">
            <span>{t(microphone === 'denied' ? 'phone.microphone_denied' : microphone === 'insecure' ? 'phone.insecure' : 'phone.no_microphone')}</span>
            {microphone === 'insecure' ? null : <Button size="xs" variant="default" onClick={() => void tryMicrophone()}>{t('phone.try_microphone')}</Button>}
          </Stack>
        </Alert>
      ) : null}
    </>
  )
}

function Dialler() {
  const { t } = useWords()
  const { agent_id } = useUser()
  const { link } = usePhone()
  const { dial, busy } = useDial()
  const [typed, setTyped] = useState('')
  const number = dialString(typed)
  const possible = number !== null && !busy && (link === 'ready' || agent_id !== null)
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (!number || !possible) return
    dial(number)
    setTyped('')
  }
  return (
    <form onSubmit={submit}>
      <Stack gap="sm">
        <TextInput
          aria-label={t('phone.number')} placeholder={t('phone.number')} size="md" value={typed} inputMode="tel" autoComplete="off" maxLength={60}
          onChange={(event) => setTyped(event.currentTarget.value)}
          rightSection={
            typed ? (
              <ActionIcon variant="subtle" color="gray" c="inherit" onClick={() => setTyped(typed.slice(0, -1))} aria-label={t('phone.delete')}>
                <IconBackspace size={18} aria-hidden />
              </ActionIcon>
            ) : null
          }
        />
        <DialPad press={(digit) => setTyped(typed + digit)} />
        <Button type="submit" size="md" disabled={!possible} leftSection={<IconPhone size={18} aria-hidden />}>{t('phone.call')}</Button>
        {link === 'no_phone' ? <span className="soft">{t('phone.no_phone')}</span> : null}
        <span className="soft wide" style={{ fontSize: '0.75rem' }}>{t('phone.shortcuts')}</span>
      </Stack>
    </form>
  )
}
