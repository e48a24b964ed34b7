import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { DEAD_AFTER_MS, Phone, type SipCall, type SipCallEvents, type SipEvents } from './phone'

const ticket = { ticket: 't', expires_at: '', user: '1001', domain: 'd', ws_url: 'ws://127.0.0.1:5066/', ice_servers: [] }

class FakeCall implements SipCall {
  did: string[] = []
  answer = () => void this.did.push('answer')
  terminate = (status?: number) => void this.did.push(`terminate ${status ?? ''}`.trim())
  mute = () => void this.did.push('mute')
  unmute = () => void this.did.push('unmute')
  sendDTMF = (digit: string) => void this.did.push(`digit ${digit}`)
  stats = async () => [{ type: 'inbound-rtp', kind: 'audio', packetsLost: 1, packetsReceived: 99, jitter: 0.002 }]
  useMicrophone = async () => {}
}

function setUp(fetchTicket = vi.fn(async () => ticket)) {
  const did: string[] = []
  let sip: SipEvents | undefined
  let outgoing: SipCallEvents | undefined
  const call = new FakeCall()
  const phone = new Phone({
    fetchTicket,
    startAgent: (_, __, events) => {
      sip = events
      return {
        call: (target, _options, callEvents) => {
          did.push(`call ${target}`)
          outgoing = callEvents
          return call
        },
        stop: () => void did.push('stop'),
      }
    },
    now: () => 0,
    ring: () => void did.push('ring'),
    quiet: () => void did.push('quiet'),
    play: () => {},
    setAway: (why) => void did.push(`away ${why}`),
    microphone: () => null,
    meansNoPhone: (error) => error === 404,
  })
  const rings = (incoming = new FakeCall(), auto = false) => {
    let events: SipCallEvents | undefined
    sip!.incoming(incoming, '+49', 'support', (given) => (events = given), auto)
    return { incoming, events: events! }
  }
  return { phone, did, call, rings, sip: () => sip!, outgoing: () => outgoing! }
}

async function ready() {
  const made = setUp()
  await made.phone.start()
  made.sip().registered()
  return made
}

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

test('a call from a queue is taken, measured and ended', async () => {
  const { phone, did, rings } = await ready()
  const { incoming, events } = rings()
  expect(phone.get()).toMatchObject({ line: 'ringing', party: { number: '+49', name: 'support' } })
  phone.accept()
  events.connected()
  await vi.advanceTimersByTimeAsync(2_000)
  expect(phone.quality?.lossPercent).toBe(1)
  phone.toggleMute()
  phone.digit('5')
  events.ended('Terminated')
  expect(incoming.did).toEqual(['answer', 'mute', 'digit 5'])
  expect(did).toEqual(['ring', 'quiet', 'quiet'])
  expect(phone.get()).toMatchObject({ line: 'idle', muted: false })
  expect(phone.quality).toBeNull()
})

test('a call that comes during another gets busy, and the first goes on', async () => {
  const { phone, rings } = await ready()
  rings().events.connected()
  const { incoming } = rings()
  expect(incoming.did).toEqual(['terminate 486'])
  expect(phone.get().line).toBe('talking')
})

test('a call that was asked for is taken without ringing, the one after it rings', async () => {
  const { phone, did, rings } = await ready()
  phone.expectCall()
  const { incoming, events } = rings()
  expect(incoming.did).toEqual(['answer'])
  events.ended('Terminated')
  expect(rings().incoming.did).toEqual([])
  expect(did).toEqual(['quiet', 'ring'])
})

test('declining says so to the caller', async () => {
  const { phone, rings } = await ready()
  const { incoming } = rings()
  phone.hangUp()
  expect(incoming.did).toEqual(['terminate 603'])
  expect(phone.get().line).toBe('ending')
})

test('who dials hears of ringing and of the answer', async () => {
  const { phone, did, outgoing } = await ready()
  phone.dial('5001')
  outgoing().progress()
  expect(phone.get()).toMatchObject({ line: 'dialling', outgoing: true, progress: true })
  outgoing().connected()
  expect(phone.get().line).toBe('talking')
  expect(did[0]).toBe('call 5001')
})

test('a user without a phone is no fault', async () => {
  const { phone } = setUp(vi.fn(async () => { throw 404 }))
  await phone.start()
  expect(phone.get().link).toBe('no_phone')
})

test('a ticket that cannot be had is asked for again', async () => {
  const fetchTicket = vi.fn(async () => ticket)
  fetchTicket.mockRejectedValueOnce(new Error('away'))
  const { phone, sip } = setUp(fetchTicket)
  await phone.start()
  expect(phone.get().link).toBe('lost')
  await vi.advanceTimersByTimeAsync(5_000)
  sip().registered()
  expect(phone.get().link).toBe('ready')
})

test('a socket that is dead sets the agent away; one that came back in time does not', async () => {
  const { phone, did, sip } = await ready()
  sip().lost()
  await vi.advanceTimersByTimeAsync(DEAD_AFTER_MS - 1)
  sip().registered()
  await vi.advanceTimersByTimeAsync(DEAD_AFTER_MS)
  expect(did).toEqual([])
  sip().lost()
  await vi.advanceTimersByTimeAsync(DEAD_AFTER_MS)
  expect(did).toEqual(['away phone_offline'])
  expect(phone.get().link).toBe('lost')
})

test('a microphone that fails when a call is taken sets the agent away', async () => {
  const { did, rings } = await ready()
  rings().events.microphoneFailed()
  expect(did).toEqual(['ring', 'away microphone_lost'])
})

test('another tab takes the phone over', async () => {
  const { phone, did, rings } = await ready()
  rings()
  phone.stop('elsewhere')
  expect(did).toContain('stop')
  expect(phone.get()).toMatchObject({ link: 'elsewhere', line: 'idle' })
  await phone.start()
  expect(phone.get().link).toBe('connecting')
})

test('C07: the server that asks is told whether the microphone is there', async () => {
  const { phone, sip } = await ready()
  expect(sip().microphoneThere()).toBe(true)
  phone.microphoneIs(false)
  expect(sip().microphoneThere()).toBe(false)
})

test('C10: a call that the server wants taken at once is taken without ringing', async () => {
  const { did, rings } = await ready()
  expect(rings(new FakeCall(), true).incoming.did).toEqual(['answer'])
  expect(did).toEqual([])
})
