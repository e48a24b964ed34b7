import { expect, test } from 'vitest'
import type { LiveCall, LiveLeg, LiveQuality } from '../../api/types'
import { worstLeg } from './worstLeg'

const quality = (verdict: LiveQuality['verdict'], mos: number): LiveQuality =>
  ({ verdict, mos, loss_percent: 0, jitter_ms: 0, round_trip_ms: null })
const call = (...legs: [string, LiveQuality | null][]) =>
  ({ legs: legs.map(([id, found]) => ({ id, quality: found }) as LiveLeg) }) as LiveCall

test('the verdict counts before the estimate', () => {
  expect(worstLeg(call(['a', quality('fair', 2)], ['b', quality('poor', 3)], ['c', quality('poor', 4)]))?.id).toBe('b')
})

test('who is not heard is not judged', () => {
  expect(worstLeg(call(['a', null], ['b', quality('good', 4.4)]))?.id).toBe('b')
  expect(worstLeg(call(['a', null]))).toBeUndefined()
})
