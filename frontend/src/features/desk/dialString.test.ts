import { expect, test } from 'vitest'
import { dialString } from './dialString'

test('a number may be written as people write it', () => {
  expect(dialString('+49 (30) 123-45/6')).toBe('+4930123456')
  expect(dialString('tel:5001')).toBe('5001')
  expect(dialString('*45')).toBe('*45')
})

test('what cannot be dialled is not', () => {
  expect(dialString('')).toBeNull()
  expect(dialString('a@b')).toBeNull()
  expect(dialString('1'.repeat(41))).toBeNull()
})
