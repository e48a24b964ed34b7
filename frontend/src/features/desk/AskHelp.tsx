import { Alert, Button, Group, Modal, NativeSelect, Stack, TextInput } from '@mantine/core'
import { IconLifebuoy } from '@tabler/icons-react'
import { useState } from 'react'
import { useAskHelp, useWithdrawHelp } from '../../api/queries'
import type { LiveCall } from '../../api/types'
import { useUser } from '../../api/useSession'
import { useWords } from '../../i18n'
import { Since } from '../../ui/State'

const REASONS = ['question', 'upset_caller', 'technical', 'emergency', 'other'] as const

/** Asks a supervisor for help, and says whether somebody comes. */
export function AskHelp({ call }: { call: LiveCall }) {
  const { t } = useWords()
  const { agent_id } = useUser()
  const withdraw = useWithdrawHelp()
  const [open, setOpen] = useState(false)
  const { help } = call
  if (help && help.agent_id === agent_id) {
    return (
      <Alert color={help.taken_by ? 'green' : 'orange'} variant="outline" role="status">
        <Stack gap="xs">
          <span>{help.taken_by ? t('help.comes', { name: help.taken_by }) : t('help.asked')} <span className="soft"><Since at={help.since} /></span></span>
          <Button size="xs" variant="default" loading={withdraw.isPending} onClick={() => withdraw.mutate(call.id)}>{t('help.withdraw')}</Button>
        </Stack>
      </Alert>
    )
  }
  if (help || !agent_id) return null
  return (
    <>
      <Button variant="default" onClick={() => setOpen(true)} leftSection={<IconLifebuoy size={17} aria-hidden />}>{t('help.ask')}</Button>
      <Modal opened={open} onClose={() => setOpen(false)} title={t('help.title')} closeButtonProps={{ 'aria-label': t('help.close') }}>
        {open ? <Form call={call.id} close={() => setOpen(false)} /> : null}
      </Modal>
    </>
  )
}

function Form({ call, close }: { call: string; close: () => void }) {
  const { t } = useWords()
  const ask = useAskHelp()
  const [reason, setReason] = useState<string>('question')
  const [text, setText] = useState('')
  return (
    <form onSubmit={(event) => { event.preventDefault(); ask.mutate({ id: call, reason, text: text.trim() }, { onSuccess: close }) }}>
      <Stack gap="sm">
        <NativeSelect data-autofocus label={t('help.reason')} value={reason} onChange={(event) => setReason(event.currentTarget.value)} data={REASONS.map((value) => ({ value, label: t(`help.reason.${value}`) }))} />
        <TextInput label={t('help.text')} value={text} maxLength={200} autoComplete="off" onChange={(event) => setText(event.currentTarget.value)} />
        <Group justify="flex-end">
          <Button variant="default" onClick={close}>{t('help.close')}</Button>
          <Button type="submit" loading={ask.isPending}>{t('help.ask')}</Button>
        </Group>
      </Stack>
    </form>
  )
}
