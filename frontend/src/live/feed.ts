export interface FeedMessage {
  sequence: number
  type: string
  data: Record<string, unknown>
}

export type FeedStatus = 'connecting' | 'live' | 'offline'

/** What the feed needs of a WebSocket; tests give it one of their own. */
export interface Wire {
  onopen: (() => void) | null
  onmessage: ((event: { data: string }) => void) | null
  onclose: ((event: { code: number }) => void) | null
  send(text: string): void
  close(): void
}

export interface FeedWorld {
  open: () => Wire
  token: () => Promise<string>
  /** Ask for a new session; false when it has ended. */
  renew: () => Promise<boolean>
  take: (message: FeedMessage) => void
  changed: (status: FeedStatus) => void
  random: () => number
}

const UNAUTHENTICATED = 4401
const LONGEST_MS = 10_000
/** A short gap, such as a new token makes, is not worth an alarm. */
const GRACE_MS = 1_500

/** Keeps one connection to the live feed, for as long as it is started. */
export class Feed {
  status: FeedStatus = 'connecting'
  #world: FeedWorld
  #wire: Wire | null = null
  #last: number | null = null
  #tries = 0
  #running = false
  #timer: ReturnType<typeof setTimeout> | undefined
  #alarm: ReturnType<typeof setTimeout> | undefined

  constructor(world: FeedWorld) {
    this.#world = world
  }

  start(): void {
    this.#running = true
    this.#connect()
  }

  stop(): void {
    this.#running = false
    clearTimeout(this.#timer)
    clearTimeout(this.#alarm)
    this.#drop()
  }

  /** The network is said to be back: do not wait for the timer. */
  hurry(): void {
    if (!this.#running || this.#wire) return
    clearTimeout(this.#timer)
    this.#connect()
  }

  #connect(): void {
    const wire = this.#world.open()
    this.#wire = wire
    this.#last = null
    wire.onopen = () =>
      void this.#world.token().then((token) => this.#wire === wire && wire.send(JSON.stringify({ token })))
    wire.onmessage = (event) => this.#receive(JSON.parse(event.data) as FeedMessage)
    wire.onclose = (event) => void this.#closed(event.code)
  }

  #receive(message: FeedMessage): void {
    if (message.type === 'Snapshot') {
      this.#tries = 0
      clearTimeout(this.#alarm)
      this.#alarm = undefined
      this.#enter('live')
    }
    // Others' events are left out, so numbers may jump; they never go back.
    if (this.#last !== null && message.sequence < this.#last) return
    this.#last = message.sequence
    this.#world.take(message)
  }

  async #closed(code: number): Promise<void> {
    this.#drop()
    if (!this.#running) return
    this.#alarm ??= setTimeout(() => this.#enter('offline'), GRACE_MS)
    if (code === UNAUTHENTICATED && !(await this.#world.renew())) {
      // Signed out: whoever shows the page ends us. A server that is away is tried again.
      this.#tries = Math.max(this.#tries, 3)
    }
    if (!this.#running) return
    const wait = Math.min(LONGEST_MS, 250 * 2 ** this.#tries) * (0.5 + this.#world.random() / 2)
    this.#tries += 1
    this.#timer = setTimeout(() => this.#connect(), wait)
  }

  #drop(): void {
    const wire = this.#wire
    this.#wire = null
    if (!wire) return
    wire.onopen = wire.onmessage = wire.onclose = null
    wire.close()
  }

  #enter(status: FeedStatus): void {
    if (this.status === status) return
    this.status = status
    this.#world.changed(status)
  }
}
