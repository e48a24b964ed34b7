import { expect, test } from 'vitest'
import { translate, type Key } from '../../i18n'
import { noContactsOf, wayOf } from './CallerFacts'

test('F02: the way through the menus is told in plain words', () => {
  const words = { t: (key: Key, values = {}) => translate('en', key, values) }
  expect(wayOf([], words)).toBe('')
  const choices = [
    { menu: 'language', key: '1', led_to: 'main menu' },
    { menu: 'main menu', key: 'timeout', led_to: 'support' },
  ]
  expect(wayOf(choices, words)).toBe('pressed 1 → main menu, pressed nothing → support')
})

test('F02: who was never spoken with is not said to have called when we call', () => {
  expect(noContactsOf({ direction: 'inbound', caller: '0301234' })).toBe('caller.first')
  expect(noContactsOf({ direction: 'inbound', caller: '' })).toBe('caller.withheld')
  expect(noContactsOf({ direction: 'outbound', caller: '1001' })).toBe('caller.first_to')
})
