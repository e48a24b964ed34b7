import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Feed, type FeedMessage, type FeedStatus, type Wire } from './feed'

class FakeWire implements Wire {
  onopen: (() => void) | null = null
  onmessage: ((event: { data: string }) => void) | null = null
  onclose: ((event: { code: number }) => void) | null = null
  sent: string[] = []
  closed = false
  send(text: string): void {
    this.sent.push(text)
  }
  close(): void {
    this.closed = true
  }
  says(message: Partial<FeedMessage>): void {
    this.onmessage?.({ data: JSON.stringify({ sequence: 1, data: {}, ...message }) })
  }
}

function setUp(renews = true) {
  const wires: FakeWire[] = []
  const taken: FeedMessage[] = []
  const statuses: FeedStatus[] = []
  const renew = vi.fn(async () => renews)
  const feed = new Feed({
    open: () => {
      const wire = new FakeWire()
      wires.push(wire)
      return wire
    },
    token: async () => 'token',
    renew,
    take: (message) => taken.push(message),
    changed: (status) => statuses.push(status),
    random: () => 1,
  })
  feed.start()
  return { feed, wires, taken, statuses, renew, newest: () => wires[wires.length - 1]! }
}

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

test('it signs in with the first message and is live with the snapshot', async () => {
  const { newest, statuses, taken } = setUp()
  newest().onopen?.()
  await vi.advanceTimersByTimeAsync(0)
  expect(newest().sent).toEqual(['{"token":"token"}'])
  newest().says({ type: 'Snapshot', sequence: 7 })
  expect(statuses).toEqual(['live'])
  expect(taken).toHaveLength(1)
})

test('after a loss it connects again, later each time, and says that it is offline', async () => {
  const { wires, newest, statuses } = setUp()
  newest().says({ type: 'Snapshot' })
  newest().onclose?.({ code: 1006 })
  await vi.advanceTimersByTimeAsync(250)
  expect(wires).toHaveLength(2)
  newest().onclose?.({ code: 1006 })
  await vi.advanceTimersByTimeAsync(499)
  expect(wires).toHaveLength(2)
  await vi.advanceTimersByTimeAsync(1_000)
  expect(wires).toHaveLength(3)
  expect(statuses).toEqual(['live', 'offline'])
  newest().says({ type: 'Snapshot' })
  expect(statuses).toEqual(['live', 'offline', 'live'])
})

test('a token that expired is renewed without an alarm', async () => {
  const { newest, statuses, renew } = setUp()
  newest().says({ type: 'Snapshot' })
  newest().onclose?.({ code: 4401 })
  await vi.advanceTimersByTimeAsync(250)
  newest().says({ type: 'Snapshot' })
  await vi.advanceTimersByTimeAsync(5_000)
  expect(renew).toHaveBeenCalledOnce()
  expect(statuses).toEqual(['live'])
})

test('a stopped feed stays stopped', async () => {
  const { feed, wires } = setUp()
  feed.stop()
  expect(wires[0]!.closed).toBe(true)
  await vi.advanceTimersByTimeAsync(60_000)
  expect(wires).toHaveLength(1)
})

test('the network coming back is not waited for', async () => {
  const { feed, wires, newest } = setUp()
  for (let n = 0; n < 6; n += 1) {
    newest().onclose?.({ code: 1006 })
    await vi.advanceTimersByTimeAsync(10_000)
  }
  newest().onclose?.({ code: 1006 })
  const before = wires.length
  await vi.advanceTimersByTimeAsync(0)
  feed.hurry()
  expect(wires).toHaveLength(before + 1)
})
