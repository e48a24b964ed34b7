import { expect, test } from 'vitest'
import type { Queue } from '../../api/types'
import { translate, type Key } from '../../i18n'
import { formulaOf, levelOf, missesTarget } from './ServiceLevel'

const queue: Queue = {
  id: 'q', name: 'sales', skill: 'sales', waiting: 0, longest_wait_ms: 0, agents_available: 0, agents_logged_in: 0,
  offered: 10, answered: 7, abandoned: 3, flowed_out: 0, answered_in_time: 6, abandoned_short: 1,
  service_level: 66.67, service_level_seconds: 20, service_level_target: 80, short_abandon_seconds: 5,
}

test('G01: a level is never shown better than it is, and says how it is computed', () => {
  expect(levelOf({ ...queue, service_level: 79.9 })).toBe('79 %')
  expect(missesTarget({ ...queue, service_level: 79.9 })).toBe(true)
  expect(missesTarget({ ...queue, service_level: 80 })).toBe(false)
  expect(missesTarget({ ...queue, service_level: null })).toBe(false)
  const words = { t: (key: Key, values = {}) => translate('en', key, values) }
  expect(formulaOf(queue, words)).toContain('6 of 9')
})
