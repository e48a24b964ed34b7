import { expect, test } from 'vitest'
import { averageOf } from './deviceTest'

test('C06: what was measured is averaged; a delay nobody told is not made up', () => {
  expect(averageOf([])).toBeNull()
  const samples = [
    { lossPercent: 0, jitterMs: 2, roundTripMs: null },
    { lossPercent: 2, jitterMs: 6, roundTripMs: 40 },
  ]
  expect(averageOf(samples)).toEqual({ loss_percent: 1, jitter_ms: 4, round_trip_ms: 40 })
  expect(averageOf(samples.slice(0, 1))?.round_trip_ms).toBeNull()
})
