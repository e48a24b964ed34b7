import { NativeSelect, NumberInput, PasswordInput, Stack, Switch, Textarea, TextInput } from '@mantine/core'
import type { ReactNode } from 'react'
import { useWords } from '../../i18n'
import { useForm } from './form'

interface Field {
  name: string
  label: string
  /** What the field means, for who has never set one up. */
  hint?: string
  required?: boolean
}

/** A problem is shown under its field and read out with it: the field's describedby names it. */
function useField<T>({ name, label, hint, required = false }: Field) {
  const form = useForm()
  return {
    value: form.values[name] as T,
    set: (value: T) => form.set(name, value),
    readOnly: form.readOnly,
    shown: { name, label, description: hint, error: form.problemOf(name), withAsterisk: required && !form.readOnly, 'aria-required': required || undefined },
  }
}

/** What cannot be typed into does not look as if it could. */
const lookOf = (readOnly: boolean) => (readOnly ? 'filled' : 'default')

export function TextField({ maxLength = 80, list, code = false, ...field }: Field & { maxLength?: number; list?: readonly string[]; code?: boolean }) {
  const { value, set, readOnly, shown } = useField<string>(field)
  const id = `suggested-${field.name}`
  return (
    <>
      <TextInput
        {...shown} variant={lookOf(readOnly)} value={value} readOnly={readOnly} maxLength={maxLength} autoComplete="off" list={list ? id : undefined}
        autoCapitalize={code ? 'none' : undefined} spellCheck={code ? false : undefined}
        onChange={(event) => set(event.currentTarget.value)}
      />
      {list ? <datalist id={id}>{list.map((one) => <option key={one} value={one} />)}</datalist> : null}
    </>
  )
}

/** One item in each line. */
export function LinesField({ maxLength = 4_000, ...field }: Field & { maxLength?: number }) {
  const { value, set, readOnly, shown } = useField<string>(field)
  return (
    <Textarea
      {...shown} variant={lookOf(readOnly)} value={value} readOnly={readOnly} maxLength={maxLength} autosize minRows={2} maxRows={8} spellCheck={false}
      onChange={(event) => set(event.currentTarget.value)}
    />
  )
}

/** The numbers are short, what is said about them is not. */
const NARROW = { wrapper: { maxWidth: 200 } }

export function NumberField({ min, max, unit, decimals = false, ...field }: Field & { min: number; max: number; unit?: string; decimals?: boolean }) {
  const { value, set, readOnly, shown } = useField<number | null>(field)
  return (
    <NumberInput
      {...shown} variant={lookOf(readOnly)} value={value ?? ''} readOnly={readOnly} min={min} max={max} clampBehavior="none" allowDecimal={decimals} styles={NARROW}
      suffix={unit ? ` ${unit}` : ''} onChange={(given) => set(typeof given === 'number' ? given : null)}
    />
  )
}

export function ChoiceField({ choices, none, ...field }: Field & { choices: readonly { value: string; label: string }[]; none?: string }) {
  const { value, set, readOnly, shown } = useField<string | null>(field)
  return (
    <NativeSelect
      {...shown} value={value ?? ''} disabled={readOnly} onChange={(event) => set(event.currentTarget.value || null)}
      data={[...(none === undefined ? [] : [{ value: '', label: none }]), ...choices]}
    />
  )
}

export function SwitchField(field: Field) {
  const { value, set, readOnly, shown } = useField<boolean>(field)
  const { withAsterisk: _, 'aria-required': __, ...rest } = shown
  return <Switch {...rest} checked={value} disabled={readOnly} onChange={(event) => set(event.currentTarget.checked)} />
}

/** What becomes of a password that nobody can look at: `make` has it made and shown once. */
export type PasswordChoice = { mode: 'keep' | 'make' | 'own' | 'remove'; text: string }

export const KEEP: PasswordChoice = { mode: 'keep', text: '' }
export const MAKE: PasswordChoice = { mode: 'make', text: '' }

export function PasswordField({ modes, ...field }: Field & { modes: readonly PasswordChoice['mode'][] }) {
  const { t } = useWords()
  const { value, set, readOnly, shown } = useField<PasswordChoice>(field)
  if (readOnly) return null
  const { error, name, ...choice } = shown
  return (
    <Stack gap={6}>
      <NativeSelect
        {...choice} withAsterisk={false} name={`${name}-choice`} value={value.mode} error={value.mode === 'own' ? null : error}
        onChange={(event) => set({ ...value, mode: event.currentTarget.value as PasswordChoice['mode'] })}
        data={modes.map((mode) => ({ value: mode, label: t(`admin.password.${mode}`) }))}
      />
      {value.mode === 'own' ? (
        <PasswordInput
          name={name} aria-label={`${field.label}: ${t('admin.password.own')}`} placeholder={t('admin.password.type')} value={value.text} error={error}
          autoComplete="new-password" maxLength={128} onChange={(event) => set({ ...value, text: event.currentTarget.value })}
        />
      ) : null}
    </Stack>
  )
}

/** Fields that belong together, under a heading. */
export function Group({ title, children }: { title: string; children: ReactNode }) {
  return (
    <fieldset className="group">
      <legend>{title}</legend>
      <Stack gap="sm">{children}</Stack>
    </fieldset>
  )
}
