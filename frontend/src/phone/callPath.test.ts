import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { PathWatch, peerConfiguration, type PathState } from './callPath'

class FakeConnection implements PathState {
  connectionState: RTCPeerConnectionState = 'connected'
  listeners = new Set<() => void>()
  addEventListener = (_: string, listener: () => void) => void this.listeners.add(listener)
  removeEventListener = (_: string, listener: () => void) => void this.listeners.delete(listener)
  become(state: RTCPeerConnectionState) {
    this.connectionState = state
    for (const listener of this.listeners) listener()
  }
}

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

test('a path that comes back by itself is left alone', () => {
  const connection = new FakeConnection()
  const mend = vi.fn()
  new PathWatch(connection, mend)
  connection.become('disconnected')
  vi.advanceTimersByTime(1_000)
  connection.become('connected')
  vi.advanceTimersByTime(60_000)
  expect(mend).not.toHaveBeenCalled()
})

test('a broken path is mended until it is there again', () => {
  const connection = new FakeConnection()
  const mend = vi.fn()
  new PathWatch(connection, mend)
  connection.become('disconnected')
  vi.advanceTimersByTime(1_500)
  expect(mend).toHaveBeenCalledTimes(1)
  vi.advanceTimersByTime(4_000)
  expect(mend).toHaveBeenCalledTimes(2)
  connection.become('connected')
  vi.advanceTimersByTime(60_000)
  expect(mend).toHaveBeenCalledTimes(2)
})

test('nothing is mended once the call is over', () => {
  const connection = new FakeConnection()
  const mend = vi.fn()
  const watch = new PathWatch(connection, mend)
  connection.become('disconnected')
  watch.stop()
  vi.advanceTimersByTime(60_000)
  connection.become('disconnected')
  vi.advanceTimersByTime(60_000)
  expect(mend).not.toHaveBeenCalled()
})

test('a STUN server is named without credentials, a TURN server with them', () => {
  const servers = [
    { urls: ['stun:a'], username: null, credential: null },
    { urls: ['turn:b'], username: '1:x', credential: 'c' },
  ]
  expect(peerConfiguration(servers)).toEqual({
    iceServers: [{ urls: ['stun:a'] }, { urls: ['turn:b'], username: '1:x', credential: 'c' }],
  })
})
