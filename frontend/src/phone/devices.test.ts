import { expect, test } from 'vitest'
import { levelOf } from './devices'

test('silence is no level, full scale is all of it, and 30 dB less is half', () => {
  expect(levelOf(new Float32Array(64))).toBe(0)
  expect(levelOf(new Float32Array(64).fill(1))).toBeCloseTo(1, 2)
  expect(levelOf(new Float32Array(64).fill(10 ** -1.5))).toBeCloseTo(0.5, 2)
})
