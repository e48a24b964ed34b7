import { expect, test } from 'vitest'
import { pageOf } from '../../ui/paging'
import { passwordOf } from './passwords'
import { readSkills } from './skills'
import { inWords } from './trailWords'

test('a page that is not there any more is the last one', () => {
  const rows = Array.from({ length: 45 }, (_, number) => number)
  expect(pageOf(rows, 1)).toEqual({ rows: rows.slice(0, 20), pages: 3 })
  expect(pageOf(rows, 3)).toEqual({ rows: rows.slice(40), pages: 3 })
  expect(pageOf(rows.slice(0, 5), 3)).toEqual({ rows: rows.slice(0, 5), pages: 1 })
  expect(pageOf([], 1)).toEqual({ rows: [], pages: 1 })
})

test('skills without a name are left out, and one that is there twice is told', () => {
  expect(readSkills([{ skill: ' sales ', level: 2 }, { skill: '', level: 5 }])).toEqual({ skills: { sales: 2 } })
  expect(readSkills([{ skill: 'sales', level: 2 }, { skill: 'sales ', level: 3 }])).toEqual({ twice: 'sales' })
})

test('a password that is kept is not sent', () => {
  expect(passwordOf({ mode: 'keep', text: 'typed before' })).toEqual({})
  expect(passwordOf({ mode: 'own', text: 'secret words' })).toEqual({ password: 'secret words' })
  expect(passwordOf({ mode: 'make', text: '' })).toEqual({ password: null })
  expect(passwordOf({ mode: 'remove', text: '' })).toEqual({ password: null })
})

test('a change is told without ids and empty values', () => {
  const id = '00000000-0000-0000-0000-000000000001'
  expect(inWords({ subject: id, data: { name: 'sales', agent_id: id, max_wait_seconds: null, skills: { sales: 5 }, new_password: true } })).toBe('name: sales · skills: sales 5 · new password: yes')
  expect(inWords({ subject: '5000', data: {} })).toBe('5000')
})
