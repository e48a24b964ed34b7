import type { SoftphoneTicket } from '../api/types'
import { PhoneMachine, type Effect, type Loss, type PhoneState } from './machine'
import { countersOf, qualityBetween, type Counters, type Quality } from './quality'

/** One call of the SIP library, as far as the phone needs it. */
export interface SipCall {
  answer(options: MediaOptions): void
  terminate(status?: number): void
  mute(): void
  unmute(): void
  sendDTMF(digit: string): void
  stats(): Promise<Iterable<Record<string, unknown>>>
  useMicrophone(track: MediaStreamTrack): Promise<void>
}

export interface MediaOptions {
  microphone: string | null
}

export interface SipCallEvents {
  progress(): void
  connected(): void
  ended(reason: string): void
  microphoneFailed(): void
  remoteTrack(stream: MediaStream): void
}

export interface SipEvents {
  registered(): void
  lost(): void
  refused(reason: string): void
  /** What the server is told when it asks whether a call could be taken now. */
  microphoneThere(): boolean
  /** `auto`: the server asks the phone to take it by itself. */
  incoming(call: SipCall, number: string, name: string, listen: (events: SipCallEvents) => void, auto?: boolean): void
}

/** A user agent of the SIP library that runs. */
export interface SipAgent {
  call(target: string, options: MediaOptions, events: SipCallEvents): SipCall
  stop(): void
}

export interface PhoneWorld {
  fetchTicket: () => Promise<SoftphoneTicket>
  startAgent: (ticket: SoftphoneTicket, fetchTicket: () => Promise<SoftphoneTicket>, events: SipEvents) => SipAgent
  now: () => number
  ring: () => void
  quiet: () => void
  play: (stream: MediaStream | null) => void
  setAway: (why: Loss) => void
  microphone: () => string | null
  /** Whether an error of `fetchTicket` says that the user has no phone at all. */
  meansNoPhone: (error: unknown) => boolean
}

/** How long the socket may be away before no call can be expected to arrive. */
export const DEAD_AFTER_MS = 6_000
const EXPECTED_MS = 10_000
const STATS_EVERY_MS = 2_000
const TICKET_AGAIN_MS = 5_000

/** The shell of the machine: it owns the user agent, the one call and the timers. */
export class Phone {
  quality: Quality | null = null
  /** The phone's own number, once a ticket has told it. */
  user = ''
  #expected = 0
  #world: PhoneWorld
  #machine = new PhoneMachine()
  #agent: SipAgent | null = null
  #call: SipCall | null = null
  #dead: ReturnType<typeof setTimeout> | undefined
  #again: ReturnType<typeof setTimeout> | undefined
  #measuring: ReturnType<typeof setInterval> | undefined
  #counters: Counters | null = null
  #listeners = new Set<() => void>()

  constructor(world: PhoneWorld) {
    this.#world = world
  }

  get = (): PhoneState => this.#machine.state

  getQuality = (): Quality | null => this.quality

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Become the phone: fetch a ticket, connect, register. */
  async start(): Promise<void> {
    clearTimeout(this.#again)
    if (this.#agent) return
    this.#do(this.#machine.link('connecting'))
    let ticket: SoftphoneTicket
    try {
      ticket = await this.#world.fetchTicket()
    } catch (error) {
      if (this.get().link !== 'connecting' && this.get().link !== 'lost') return
      if (this.#world.meansNoPhone(error)) return this.#do(this.#machine.link('no_phone'))
      this.#lost()
      this.#again = setTimeout(() => void this.#retry(), TICKET_AGAIN_MS)
      return
    }
    if (this.get().link !== 'connecting') return
    this.user = ticket.user
    this.#agent = this.#world.startAgent(ticket, this.#world.fetchTicket, {
      registered: () => {
        clearTimeout(this.#dead)
        this.#dead = undefined
        this.#do(this.#machine.link('ready'))
      },
      lost: () => this.#lost(),
      microphoneThere: () => this.get().microphone,
      refused: (reason) => this.#do(this.#machine.link('refused', reason)),
      incoming: (call, number, name, listen, auto = false) => this.#incoming(call, number, name, listen, auto),
    })
  }

  /** Another tab is the phone, or nobody is signed in any more. */
  stop(why: 'elsewhere' | 'off'): void {
    clearTimeout(this.#dead)
    clearTimeout(this.#again)
    this.#dead = undefined
    const agent = this.#agent
    this.#agent = null
    agent?.stop()
    if (this.get().line !== 'idle') this.#ended('')
    this.#do(this.#machine.link(why))
  }

  dial(number: string): void {
    if (!this.#agent || this.get().line !== 'idle' || this.get().link !== 'ready') return
    this.#do(this.#machine.dial({ number, name: '' }, this.#world.now()))
    this.#call = this.#agent.call(number, { microphone: this.#world.microphone() }, this.#events())
  }

  accept(): void {
    if (this.get().line === 'ringing') this.#call?.answer({ microphone: this.#world.microphone() })
  }

  /** The person has just asked to be rung: the next call is taken without asking again. */
  expectCall(): void {
    this.#expected = this.#world.now() + EXPECTED_MS
  }

  /** Decline, give up or hang up, as it fits. */
  hangUp(): void {
    const { line } = this.get()
    if (line === 'idle' || line === 'ending') return
    const call = this.#call
    this.#do(this.#machine.hangUp(this.#world.now()))
    call?.terminate(line === 'ringing' ? 603 : undefined)
  }

  toggleMute(): void {
    if (this.get().line !== 'talking' || !this.#call) return
    const muted = !this.get().muted
    if (muted) this.#call.mute()
    else this.#call.unmute()
    this.#do(this.#machine.muted(muted))
  }

  /** The server does the holding; the phone only shows it. */
  held(held: boolean): void {
    this.#do(this.#machine.held(held))
  }

  digit(digit: string): void {
    if (this.get().line === 'talking') this.#call?.sendDTMF(digit)
  }

  microphoneIs(there: boolean): void {
    this.#do(this.#machine.microphoneIs(there))
  }

  async changeMicrophone(track: MediaStreamTrack): Promise<void> {
    await this.#call?.useMicrophone(track)
  }

  async #retry(): Promise<void> {
    if (this.get().link !== 'lost' || this.#agent) return
    this.#do(this.#machine.link('off'))
    await this.start()
  }

  #lost(): void {
    const { link } = this.get()
    if (link !== 'connecting' && link !== 'ready' && link !== 'refused') return
    this.#do(this.#machine.link('lost'))
    this.#dead ??= setTimeout(() => {
      this.#dead = undefined
      this.#do(this.#machine.linkIsDead())
    }, DEAD_AFTER_MS)
  }

  #incoming(call: SipCall, number: string, name: string, listen: (events: SipCallEvents) => void, auto: boolean): void {
    const effects = this.#machine.incoming({ number, name }, this.#world.now())
    if (effects.some((effect) => effect.do === 'busy')) return call.terminate(486)
    this.#call = call
    listen(this.#events())
    const expected = auto || this.#world.now() < this.#expected
    this.#expected = 0
    this.#do(expected ? [] : effects)
    if (expected) this.accept()
  }

  #events(): SipCallEvents {
    return {
      progress: () => this.#do(this.#machine.rings()),
      connected: () => {
        this.#do(this.#machine.connected(this.#world.now()))
        this.#measure()
      },
      ended: (reason) => this.#ended(reason),
      microphoneFailed: () => this.microphoneIs(false),
      remoteTrack: (stream) => this.#world.play(stream),
    }
  }

  #ended(reason: string): void {
    clearInterval(this.#measuring)
    this.#measuring = undefined
    this.#counters = this.quality = this.#call = null
    this.#world.play(null)
    this.#do(this.#machine.ended(reason, this.#world.now()))
  }

  #measure(): void {
    if (this.#measuring !== undefined || this.get().line !== 'talking') return
    this.#measuring = setInterval(() => void this.#look(), STATS_EVERY_MS)
  }

  async #look(): Promise<void> {
    const call = this.#call
    const counters = call ? countersOf(await call.stats()) : null
    if (!counters || call !== this.#call) return
    this.quality = qualityBetween(this.#counters, counters)
    this.#counters = counters
    this.#tell()
  }

  #do(effects: Effect[]): void {
    for (const effect of effects) {
      if (effect.do === 'ring') this.#world.ring()
      else if (effect.do === 'quiet') this.#world.quiet()
      else if (effect.do === 'set_away') this.#world.setAway(effect.why)
    }
    this.#tell()
  }

  #tell(): void {
    for (const listener of this.#listeners) listener()
  }
}
