import { Alert, Button, CopyButton, Drawer, Group as Row, Stack } from '@mantine/core'
import { useQueryClient, type QueryClient } from '@tanstack/react-query'
import { useEffect, useMemo, useRef, useState, type FormEvent, type ReactNode } from 'react'
import { ApiError } from '../../api/error'
import { keys } from '../../api/queries'
import { useWords } from '../../i18n'
import { errorText, notify } from '../../ui/notices'
import { FormContext, sortProblems, useValues, type Values } from './form'
import { useKeptChanges } from './leaving'

/** Said once and never again, such as a password that was just made. */
export interface Once {
  title: string
  secret: string
}

interface Props<T extends Values> {
  title: string
  initial: T
  readOnly?: boolean
  save: (values: T) => Promise<Once | void>
  /** Absent for what cannot be removed. */
  remove?: { question: string; run: () => Promise<unknown> }
  close: () => void
  children: ReactNode | ((values: T) => ReactNode)
}

/** A form beside its list: it stays open, with all that was typed, until the server has taken it. */
export function Editor<T extends Values>({ title, initial, readOnly = false, save, remove, close, children }: Props<T>) {
  const words = useWords()
  const { t } = words
  const client = useQueryClient()
  const { values, set, isDirty, isOutdated } = useValues(initial)
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<unknown>(null)
  const [failures, setFailures] = useState(0)
  const [asks, setAsks] = useState<'discard' | 'remove' | null>(null)
  const [once, setOnce] = useState<Once | null>(null)
  const body = useRef<HTMLFormElement>(null)
  const { beside, others } = useMemo(() => sortProblems(error, Object.keys(values), words), [error, values, words])

  const leave = () => (asks ? setAsks(null) : isDirty && !once ? setAsks('discard') : close())
  useKeptChanges(isDirty && !once, () => setAsks('discard'))

  const attempt = async (work: () => Promise<Once | void>) => {
    setBusy(true)
    setError(null)
    try {
      const said = await work()
      await refresh(client)
      if (said) setOnce(said)
      else {
        notify('info', (their) => their.t('admin.saved'), 3_000)
        close()
      }
    } catch (refused) {
      setError(refused)
      setFailures((before) => before + 1)
      void refresh(client)
    } finally {
      setBusy(false)
    }
  }

  useEffect(() => {
    // Who cannot see the field that is wrong is taken to it.
    if (failures === 0) return
    const form = body.current
    const wrong = form?.querySelector<HTMLElement>('[aria-invalid=true]') ?? form?.querySelector<HTMLElement>('[role=alert]')
    wrong?.focus()
  }, [failures])

  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (!busy && !readOnly) void attempt(() => save(values))
  }
  const form = useMemo(
    () => ({
      values: values as Record<string, unknown>,
      set: (field: string, value: unknown) => {
        set(field, value)
        setError((before: unknown) => (before instanceof ApiError ? without(before, field) : before))
      },
      problemOf: (field: string) => beside[field] ?? null,
      readOnly,
    }),
    [values, beside, readOnly],
  )

  return (
    <Drawer opened onClose={leave} position="right" size="min(520px, 100%)" title={title} closeButtonProps={{ 'aria-label': t('admin.close') }}>
      {once ? (
        <ShownOnce once={once} close={close} />
      ) : (
        <FormContext value={form}>
          <form ref={body} onSubmit={submit} noValidate aria-label={title}>
            <Stack gap="md">
              {isOutdated ? <Alert color="yellow" variant="outline">{t('admin.outdated')}</Alert> : null}
              {error !== null && asks !== 'remove' ? <Refusal error={error} others={others} hasFields={Object.keys(beside).length > 0} /> : null}
              {typeof children === 'function' ? children(values) : children}
              {readOnly ? null : (
                <div className="editor-end">
                  {asks === 'discard' ? (
                    <Question text={t('admin.discard.sure')} yes={t('admin.discard')} act={close} back={() => setAsks(null)} />
                  ) : asks === 'remove' && remove ? (
                    <Question
                      text={remove.question} yes={t('admin.remove')} busy={busy} back={() => { setAsks(null); setError(null) }}
                      act={() => void attempt(async () => void (await remove.run()))}
                      refusal={error === null ? null : <Refusal error={error} others={[...others, ...Object.values(beside)]} hasFields={false} />}
                    />
                  ) : (
                    <Row gap="sm">
                      <Button type="submit" loading={busy}>{t('admin.save')}</Button>
                      <Button variant="default" onClick={leave}>{t('admin.cancel')}</Button>
                      <div className="grow" />
                      {remove ? <Button variant="subtle" color="red" onClick={() => { setError(null); setAsks('remove') }}>{t('admin.remove')}</Button> : null}
                    </Row>
                  )}
                </div>
              )}
            </Stack>
          </form>
        </FormContext>
      )}
    </Drawer>
  )
}

/** A change of one kind shows in lists of others: a new agent is somebody a user may be. */
async function refresh(client: QueryClient): Promise<void> {
  const shown = [['admin'], keys.agents, keys.queues, ['dispositions']]
  await Promise.all(shown.map((queryKey) => client.invalidateQueries({ queryKey })))
}

/** What is still wrong once a field has been changed. */
function without(error: ApiError, field: string): ApiError | null {
  const details = error.details.filter((problem) => problem.field.split('.')[1] !== field)
  if (details.length === error.details.length) return error
  return details.length === 0 ? null : new ApiError(error.status, error.code, error.message, details)
}

function Refusal({ error, others, hasFields }: { error: unknown; others: readonly string[]; hasFields: boolean }) {
  const words = useWords()
  const title = others.length > 0 || !hasFields
    ? error instanceof ApiError && error.status === 409 ? words.t('admin.refused') : errorText(error, words)
    : words.t('admin.look')
  return (
    <Alert color="red" variant="outline" role="alert" tabIndex={-1} title={title}>
      {others.length > 0 ? <ul className="reasons">{others.map((text) => <li key={text}>{text}</li>)}</ul> : null}
    </Alert>
  )
}

interface QuestionProps {
  text: string
  yes: string
  busy?: boolean
  act: () => void
  back: () => void
  refusal?: ReactNode
}

function Question({ text, yes, busy = false, act, back, refusal = null }: QuestionProps) {
  const { t } = useWords()
  const first = useRef<HTMLButtonElement>(null)
  useEffect(() => {
    first.current?.focus()
    first.current?.scrollIntoView({ block: 'nearest' })
  }, [])
  return (
    <div role="alertdialog" aria-label={text} className="question">
      {refusal ?? <p>{text}</p>}
      <Row gap="sm">
        {refusal ? null : <Button color="red" loading={busy} onClick={act}>{yes}</Button>}
        <Button variant="default" ref={first} onClick={back}>{t('confirm.no')}</Button>
      </Row>
    </div>
  )
}

function ShownOnce({ once, close }: { once: Once; close: () => void }) {
  const { t } = useWords()
  return (
    <Stack gap="md" role="status">
      <div>{once.title}</div>
      <output className="secret">{once.secret}</output>
      <div className="soft">{t('admin.password.once')}</div>
      <Row gap="sm">
        <CopyButton value={once.secret}>
          {({ copied, copy }) => <Button variant="default" onClick={copy}>{t(copied ? 'admin.copied' : 'admin.copy')}</Button>}
        </CopyButton>
        <Button onClick={close} data-autofocus>{t('admin.close')}</Button>
      </Row>
    </Stack>
  )
}
