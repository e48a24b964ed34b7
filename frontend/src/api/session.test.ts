import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Session } from './session'

const user = { id: 'u', login: 'anna', display: 'Anna', role: 'agent', agent_id: 'a' }
const ask = vi.fn<typeof fetch>()

const answers = (status: number, body: unknown) => async () => new Response(JSON.stringify(body), { status })
const grants = (token: string) => answers(200, { data: { access_token: token, expires_in: 900, user } })
const refuses = answers(401, { error: { code: 'UNAUTHENTICATED', message: 'no' } })
const methods = () => ask.mock.calls.map(([, init]) => init?.method)

beforeEach(() => {
  vi.useFakeTimers()
  vi.stubGlobal('fetch', ask)
  ask.mockReset()
})
afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

test('a page that is loaded again is still signed in, by the cookie alone', async () => {
  const session = new Session(null)
  ask.mockImplementation(grants('one'))
  expect(await session.renew(true)).toBe(true)
  expect(session.state).toMatchObject({ status: 'in', user })
  expect(await session.token()).toBe('one')
  expect(methods()).toEqual(['PUT'])
})

test('the token is renewed before it expires, once for all who ask', async () => {
  const session = new Session(null)
  ask.mockImplementation(grants('one'))
  await session.signIn('anna', 'secret')
  ask.mockImplementation(grants('two'))
  await vi.advanceTimersByTimeAsync(841_000)
  expect(await session.token()).toBe('two')
  await vi.advanceTimersByTimeAsync(800_000)
  await Promise.all([session.renew(), session.renew()])
  expect(methods()).toEqual(['POST', 'PUT', 'PUT'])
})

test('a session that has ended is told apart from one that never was', async () => {
  const session = new Session(null)
  ask.mockImplementation(refuses)
  await session.renew(true)
  expect(session.state).toEqual({ status: 'out', because: 'first' })
  ask.mockImplementation(grants('one'))
  await session.signIn('anna', 'secret')
  ask.mockImplementation(refuses)
  expect(await session.renew()).toBe(false)
  expect(session.state).toEqual({ status: 'out', because: 'expired' })
})

test('a server that is away signs nobody out', async () => {
  const session = new Session(null)
  ask.mockImplementation(grants('one'))
  await session.signIn('anna', 'secret')
  ask.mockRejectedValue(new TypeError('network'))
  expect(await session.renew()).toBe(false)
  expect(session.state.status).toBe('in')
})

test('a sign-out that did not reach the server is made up for before the cookie signs in again', async () => {
  const kept = new Map<string, string>()
  vi.stubGlobal('localStorage', {
    getItem: (name: string) => kept.get(name) ?? null,
    setItem: (name: string, value: string) => void kept.set(name, value),
    removeItem: (name: string) => void kept.delete(name),
  })
  const session = new Session(null)
  ask.mockImplementation(grants('one'))
  await session.signIn('anna', 'secret')
  ask.mockRejectedValue(new TypeError('network'))
  await session.signOut()
  expect(session.state).toEqual({ status: 'out', because: 'asked' })
  ask.mockReset()
  ask.mockImplementation(grants('two'))
  const later = new Session(null)
  expect(await later.renew(true)).toBe(false)
  expect(methods()).toEqual(['DELETE'])
  expect(later.state.status).toBe('out')
})
