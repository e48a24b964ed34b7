import { expect, test } from 'vitest'
import { countersOf, estimate, qualityBetween, verdict } from './quality'

const inbound = { type: 'inbound-rtp', kind: 'audio', packetsLost: 5, packetsReceived: 995, jitter: 0.004 }

test('the delay is the far end’s report, else that of the path', () => {
  const path = { type: 'candidate-pair', nominated: true, currentRoundTripTime: 0.03 }
  const report = { type: 'remote-inbound-rtp', roundTripTime: 0.05 }
  expect(countersOf([inbound, path])?.roundTripMs).toBe(30)
  expect(countersOf([inbound, path, report])?.roundTripMs).toBe(50)
  expect(countersOf([report])).toBeNull()
})

test('loss is that of the last interval', () => {
  const before = countersOf([inbound])!
  const after = { ...before, lost: 15, received: 1_085 }
  expect(qualityBetween(before, after).lossPercent).toBe(10)
  expect(qualityBetween(null, before).lossPercent).toBeCloseTo(0.5)
  expect(qualityBetween(after, after).lossPercent).toBe(0)
})

test('the worst figure decides', () => {
  expect(verdict({ lossPercent: 0, jitterMs: 5, roundTripMs: null })).toBe('good')
  expect(verdict({ lossPercent: 0, jitterMs: 5, roundTripMs: 250 })).toBe('fair')
  expect(verdict({ lossPercent: 7, jitterMs: 5, roundTripMs: 20 })).toBe('poor')
})

test('the estimate falls with loss and with delay', () => {
  const clean = { lossPercent: 0, jitterMs: 0, roundTripMs: 20 }
  expect(estimate(clean)).toBeCloseTo(4.37, 1)
  expect(estimate({ ...clean, lossPercent: 10 })).toBeLessThan(3.5)
  expect(estimate({ ...clean, roundTripMs: 800 })).toBeLessThan(3.5)
  expect(estimate({ ...clean, lossPercent: 100 })).toBeGreaterThanOrEqual(1)
})
