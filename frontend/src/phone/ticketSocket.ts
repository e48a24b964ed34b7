import type { SoftphoneTicket } from '../api/types'

/** Close code of the server: the ticket is used, expired or not ours. */
export const UNAUTHENTICATED = 4401

export interface Closing {
  code: number
}

/** What is needed of a WebSocket. */
export interface PhoneWire {
  onopen: (() => void) | null
  onmessage: ((event: { data: unknown }) => void) | null
  onclose: ((event: { code: number; reason: string; wasClean: boolean }) => void) | null
  send(data: string): void
  close(): void
  readonly readyState: number
}

/** A connection that says nothing for so long, when asked, is dead. */
export const PROBE_MS = 2_000

/**
 * The transport JsSIP is given: each connection fetches a ticket of its own, so that a lost
 * connection comes back under the same user agent, and calls survive it.
 */
export class TicketSocket {
  readonly via_transport: string
  readonly sip_uri: string
  readonly url: string
  onconnect: () => void = () => {}
  ondisconnect: (error: boolean, code?: number, reason?: string) => void = () => {}
  ondata: (data: unknown) => void = () => {}

  #first: SoftphoneTicket | null
  #fetchTicket: () => Promise<SoftphoneTicket>
  #open: (url: string) => PhoneWire
  #wire: PhoneWire | null = null
  /** Of several attempts only the newest counts. */
  #attempt = 0
  #probing: Promise<boolean> | null = null
  #answer: (alive: boolean) => void = () => {}
  /** The newest ticket. */
  ticket: SoftphoneTicket

  constructor(
    first: SoftphoneTicket,
    fetchTicket: () => Promise<SoftphoneTicket>,
    open: (url: string) => PhoneWire,
  ) {
    this.#first = this.ticket = first
    this.#fetchTicket = fetchTicket
    this.#open = open
    this.url = first.ws_url
    const { protocol, host } = new URL(first.ws_url)
    this.via_transport = protocol === 'wss:' ? 'WSS' : 'WS'
    this.sip_uri = `sip:${host};transport=ws`
  }

  connect(): void {
    if (this.#wire) return
    void this.#connect((this.#attempt += 1))
  }

  async #connect(attempt: number): Promise<void> {
    let ticket = this.#first
    this.#first = null
    try {
      ticket ??= await this.#fetchTicket()
    } catch {
      if (attempt === this.#attempt) this.ondisconnect(true, UNAUTHENTICATED, 'no ticket')
      return
    }
    if (attempt !== this.#attempt) return
    this.ticket = ticket
    const url = new URL(ticket.ws_url)
    url.searchParams.set('ticket', ticket.ticket)
    const wire = this.#open(url.toString())
    this.#wire = wire
    wire.onopen = () => this.onconnect()
    wire.onmessage = (event) => {
      this.#answer(true)
      this.ondata(event.data)
    }
    wire.onclose = (event) => {
      this.#wire = null
      this.#answer(false)
      this.ondisconnect(!event.wasClean, event.code, event.reason)
    }
  }

  /** Whether the server still hears us. A connection that does not is dropped, and comes anew. */
  probe(): Promise<boolean> {
    this.#probing ??= this.#probe().finally(() => (this.#probing = null))
    return this.#probing
  }

  async #probe(): Promise<boolean> {
    if (!this.send('\r\n\r\n')) return false
    const alive = await new Promise<boolean>((answered) => {
      const timer = setTimeout(() => answered(false), PROBE_MS)
      this.#answer = (alive) => {
        clearTimeout(timer)
        answered(alive)
      }
    })
    const wire = this.#wire
    if (alive || !wire) return alive
    this.#wire = null
    wire.onopen = wire.onmessage = wire.onclose = null
    wire.close()
    this.ondisconnect(true, 1006, 'the server is silent')
    return false
  }

  disconnect(): void {
    this.#attempt += 1
    const wire = this.#wire
    this.#wire = null
    if (!wire) return
    wire.onopen = wire.onmessage = wire.onclose = null
    wire.close()
  }

  send(data: string): boolean {
    if (this.#wire?.readyState !== 1) return false
    this.#wire.send(data)
    return true
  }

  isConnected(): boolean {
    return this.#wire?.readyState === 1
  }

  isConnecting(): boolean {
    return this.#wire?.readyState === 0
  }
}
