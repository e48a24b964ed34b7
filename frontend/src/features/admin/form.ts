import { createContext, useContext, useEffect, useState } from 'react'
import { ApiError, type FieldProblem } from '../../api/error'
import { translateIf, type Words } from '../../i18n'

/** For fields whose problem stands somewhere else than below them: the library would name that place. */
export function describedBy(problem: string | null, hint?: string) {
  return { withAria: false, 'aria-invalid': problem !== null, 'aria-describedby': problem ?? hint }
}

/** What a form holds: every field it shows has its place here, under the name the API gives it. */
export type Values = object

export interface FormState {
  values: Record<string, unknown>
  set: (field: string, value: unknown) => void
  /** What is wrong with a field, in words. */
  problemOf: (field: string) => string | null
  readOnly: boolean
}

export const FormContext = createContext<FormState | null>(null)

export function useForm(): FormState {
  const form = useContext(FormContext)
  if (!form) throw new Error('a field stands outside of its form')
  return form
}

/** `body.networks.1` is about the field `networks`, a whole body about the file it is; `path.id` is about none. */
export function fieldOf(problem: FieldProblem): string | null {
  const [place, field] = problem.field.split('.')
  if (problem.field === 'body') return 'file'
  return (place === 'body' || place === 'query') && field ? field : null
}

/** Each problem as a sentence: in the person's language if we know it, else as the server says it. */
export function problemText(problem: FieldProblem, { language }: Pick<Words, 'language'>): string {
  const field = fieldOf(problem)
  const values: FieldProblem['values'] = { ...problem.values, line: Number(problem.field.split('.')[2]) + 1 }
  // Of a text that must not be empty, nobody wants to read that one character is enough.
  const code = values['min_length'] === 1 ? 'missing' : problem.code
  const known = translateIf(language, `problem.${code}.${field}`, values) ?? translateIf(language, `problem.${code}`, values)
  return known ?? sentence(problem.message)
}

export function sentence(text: string): string {
  const trimmed = text.trim()
  const begun = trimmed.charAt(0).toUpperCase() + trimmed.slice(1)
  return /[.!?]$/.test(begun) || begun === '' ? begun : `${begun}.`
}

/** What is wrong, sorted: next to which field, and what no field of the form can show. */
export function sortProblems(error: unknown, fields: readonly string[], words: Pick<Words, 'language'>) {
  const beside: Record<string, string> = {}
  const others: string[] = []
  for (const problem of error instanceof ApiError ? error.details : []) {
    const field = fieldOf(problem)
    const text = problemText(problem, words)
    if (field === null || !fields.includes(field)) others.push(text)
    else {
      beside[field] ??= text
      // Of a list, which of its rows.
      const place = /\.(\d+)(\.|$)/.exec(problem.field)
      if (place) beside[`${field}.${place[1]}`] ??= text
    }
  }
  return { beside, others: [...new Set(others)] }
}

/**
 * The values of a form. What the server has changes under a form that nobody has touched yet, and
 * is only told of where somebody has: nothing that was typed is lost.
 */
export function useValues<T extends Values>(initial: T) {
  const [start, setStart] = useState(initial)
  const [values, setValues] = useState(initial)
  const isDirty = !same(values, start)
  const newer = !same(initial, start)
  useEffect(() => {
    if (newer && !isDirty) {
      setStart(initial)
      setValues(initial)
    }
  }, [newer, isDirty, initial])
  const set = (field: string, value: unknown) => setValues((before) => ({ ...before, [field]: value }))
  return { values, set, isDirty, isOutdated: newer && isDirty }
}

function same(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other)
}

/** No password that a person has to type may hold what looks like something else. */
const LETTERS = 'abcdefghjkmnpqrstuvwxyzABCDEFGHJKMNPQRSTUVWXYZ23456789'

export function makePassword(length = 14): string {
  let made = ''
  while (made.length < length) {
    const [byte] = crypto.getRandomValues(new Uint8Array(1))
    // Those above would make some letters likelier than others.
    if (byte! < 256 - (256 % LETTERS.length)) made += LETTERS[byte! % LETTERS.length]
  }
  return made
}
