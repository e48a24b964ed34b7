import { Alert, Button, Select, Textarea } from '@mantine/core'
import { IconAlertCircle } from '@tabler/icons-react'
import { useEffect, useState } from 'react'
import { useCall, useDispositions, useSetWrapUp } from '../../api/queries'
import { useWords } from '../../i18n'
import { Panel } from '../../ui/Panel'
import { useOwnAgent } from '../shell/OwnState'

/** What became of the call. It stays when the wrap-up ends: nobody loses half a note. */
export function WrapUpForm() {
  const agent = useOwnAgent()
  const due = agent?.disposition_due ?? null
  const wrapped = due ?? (agent?.state === 'wrap_up' ? agent.call_id : null)
  const [call, setCall] = useState<string | null>(null)
  useEffect(() => {
    if (wrapped) setCall(wrapped)
  }, [wrapped])
  return call ? <Form key={call} call={call} due={call === due} close={() => setCall(null)} /> : null
}

/** `due`: there is no next call before this has been said. */
function Form({ call, due, close }: { call: string; due: boolean; close: () => void }) {
  const { t } = useWords()
  const { data: record } = useCall(call)
  const { data: dispositions = [] } = useDispositions()
  const save = useSetWrapUp()
  const [disposition, setDisposition] = useState<string | null>(null)
  const [note, setNote] = useState('')
  const [missing, setMissing] = useState(false)
  const required = due && dispositions.length > 0
  const submit = () => {
    setMissing(required && !disposition)
    if (!required || disposition) save.mutate({ call, disposition, note })
  }
  return (
    <Panel title={record ? t('wrapup.of', { caller: record.caller || t('calls.anonymous') }) : t('wrapup.title')}>
      <form className="wrapup" onSubmit={(event) => { event.preventDefault(); submit() }}>
        {due ? <Alert color="orange" variant="outline" role="status" icon={<IconAlertCircle aria-hidden />}><b>{t('wrapup.due')}.</b> {t('wrapup.due.hint')}</Alert> : null}
        <Select
          label={t('wrapup.disposition')}
          required={required}
          error={missing && !disposition ? t('wrapup.disposition.missing') : null}
          placeholder={t('wrapup.disposition.choose')}
          data={dispositions.map(({ code, label }) => ({ value: code, label }))}
          value={disposition}
          onChange={setDisposition}
          clearable
        />
        <Textarea label={t('wrapup.note')} value={note} onChange={(event) => setNote(event.currentTarget.value)} autosize minRows={3} maxRows={8} maxLength={4_000} />
        <div className="wrapup-end">
          <Button type="submit" loading={save.isPending}>{t('wrapup.save')}</Button>
          {due ? null : <Button variant="default" onClick={close}>{t('wrapup.close')}</Button>}
          <span role="status" className="soft">{save.isSuccess ? t('wrapup.saved') : ''}</span>
        </div>
      </form>
    </Panel>
  )
}
