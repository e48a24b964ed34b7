import { expect, test, vi } from 'vitest'
import { PROBE_MS, TicketSocket, UNAUTHENTICATED, type PhoneWire } from './ticketSocket'

const ticket = (text: string) => ({ ticket: text, expires_at: '', user: '1', domain: 'd', ws_url: 'ws://127.0.0.1:5066/', ice_servers: [] })

class FakeWire implements PhoneWire {
  onopen: PhoneWire['onopen'] = null
  onmessage: PhoneWire['onmessage'] = null
  onclose: PhoneWire['onclose'] = null
  readyState = 1
  sent: string[] = []
  constructor(readonly url: string) {}
  send = (data: string) => void this.sent.push(data)
  close = () => {}
}

function setUp(fetchTicket = vi.fn(async () => ticket('second'))) {
  const wires: FakeWire[] = []
  const socket = new TicketSocket(ticket('a&b'), fetchTicket, (url) => {
    const wire = new FakeWire(url)
    wires.push(wire)
    return wire
  })
  const lost = vi.fn()
  socket.ondisconnect = lost
  return { socket, wires, lost, fetchTicket }
}

const settled = () => new Promise((done) => setTimeout(done))

test('each connection has a ticket of its own', async () => {
  const { socket, wires, lost } = setUp()
  socket.connect()
  await settled()
  expect(wires[0]!.url).toBe('ws://127.0.0.1:5066/?ticket=a%26b')
  expect(socket.send('REGISTER')).toBe(true)
  wires[0]!.onclose!({ code: UNAUTHENTICATED, reason: '', wasClean: true })
  expect(lost).toHaveBeenCalledWith(false, UNAUTHENTICATED, '')
  expect(socket.send('REGISTER')).toBe(false)
  socket.connect()
  await settled()
  expect(wires[1]!.url).toBe('ws://127.0.0.1:5066/?ticket=second')
})

test('a ticket that cannot be had is a lost connection, so that it is tried again', async () => {
  const { socket, wires, lost, fetchTicket } = setUp()
  socket.connect()
  await settled()
  wires[0]!.onclose!({ code: 1006, reason: '', wasClean: false })
  fetchTicket.mockRejectedValueOnce(new Error('away'))
  socket.connect()
  await settled()
  expect(lost).toHaveBeenLastCalledWith(true, UNAUTHENTICATED, 'no ticket')
})

test('who disconnects while the ticket is on its way gets no connection', async () => {
  const { socket, wires } = setUp()
  socket.connect()
  wires[0]!.onclose!({ code: 1006, reason: '', wasClean: false })
  socket.connect()
  socket.disconnect()
  await settled()
  expect(wires).toHaveLength(1)
})

test('a connection that answers a probe stays', async () => {
  const { socket, wires, lost } = setUp()
  socket.connect()
  await settled()
  const probed = socket.probe()
  expect(wires[0]!.sent).toEqual(['\r\n\r\n'])
  wires[0]!.onmessage!({ data: '\r\n' })
  expect(await probed).toBe(true)
  expect(lost).not.toHaveBeenCalled()
})

test('a connection that is silent when probed is given up', async () => {
  const { socket, lost } = setUp()
  socket.connect()
  await settled()
  vi.useFakeTimers()
  const probed = Promise.all([socket.probe(), socket.probe()])
  vi.advanceTimersByTime(PROBE_MS)
  vi.useRealTimers()
  expect(await probed).toEqual([false, false])
  expect(lost.mock.calls).toEqual([[true, 1006, 'the server is silent']])
  expect(socket.isConnected()).toBe(false)
})
