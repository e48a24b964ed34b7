import { expect, test } from 'vitest'
import { ApiError, type FieldProblem } from '../../api/error'
import { makePassword, problemText, sentence, sortProblems } from './form'

const problem = (field: string, code: string, values: FieldProblem['values'] = {}, message = 'as the server says it'): FieldProblem => ({ field, code, values, message })
const LINE = 'Line 2 is no address such as 192.0.2.10, and no network such as 192.0.2.0/24.'
const german = { language: 'de' } as const
const english = { language: 'en' } as const

test('each problem goes to the field it names, also one about a part of the field', () => {
  const error = new ApiError(400, 'VALIDATION_FAILED', 'no', [
    problem('body.login', 'string_too_short', { min_length: 1 }),
    problem('body.networks.1', 'value_error'),
    problem('body.networks.1', 'another'),
    problem('path.id', 'flow_leads', { flow: 'main' }),
    problem('body.elsewhere', 'unheard_of'),
  ])
  expect(sortProblems(error, ['login', 'networks'], english)).toEqual({
    beside: { login: 'Please fill this in.', networks: LINE, 'networks.1': LINE },
    others: ['The menu “main” leads there.', 'As the server says it.'],
  })
})

test('a fault of the connection is about no field', () => {
  expect(sortProblems(new ApiError(0, 'NETWORK', 'away'), ['login'], english)).toEqual({ beside: {}, others: [] })
  expect(sortProblems(new TypeError('x'), ['login'], english)).toEqual({ beside: {}, others: [] })
})

test('a problem is told in the language of the reader, the field’s own text first', () => {
  expect(problemText(problem('body.password', 'too_short', { min_length: 8 }), german)).toBe('Bitte mindestens 8 Zeichen eingeben.')
  expect(problemText(problem('body.extension', 'string_pattern_mismatch'), english)).toContain('such as 1001')
  expect(problemText(problem('body.other', 'string_pattern_mismatch'), english)).toContain('not possible here')
  expect(problemText(problem('body.x', ''), german)).toBe('As the server says it.')
})

test('what the server says becomes a sentence', () => {
  expect(sentence('must be a folder')).toBe('Must be a folder.')
  expect(sentence('Is it?')).toBe('Is it?')
})

test('a password can be typed without guessing at letters, and is another one each time', () => {
  const made = Array.from({ length: 50 }, () => makePassword())
  expect(new Set(made).size).toBe(50)
  for (const one of made) expect(one).toMatch(/^[^\WilIoO01_]{14}$/)
})
