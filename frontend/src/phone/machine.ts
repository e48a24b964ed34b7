/**
 * What the softphone can be in. The machine decides and does nothing: its inputs are methods, what
 * has to be done comes back as effects, and `phone.ts` carries them out.
 */

export type Link =
  | 'off' // nobody asked for it yet
  | 'no_phone' // the user has none
  | 'elsewhere' // another tab is the phone
  | 'connecting'
  | 'ready'
  | 'lost' // was there, and is tried again
  | 'refused' // the server does not want it

export type Line = 'idle' | 'ringing' | 'dialling' | 'talking' | 'ending'

export type Loss = 'microphone_lost' | 'phone_offline'

export interface Party {
  number: string
  /** Display name of the caller's From: the queue, for a call of a queue. */
  name: string
}

export interface PhoneState {
  link: Link
  line: Line
  party: Party | null
  outgoing: boolean
  /** It rings at the other end. */
  progress: boolean
  /** When the present line state began, in milliseconds of the caller's clock. */
  since: number
  muted: boolean
  held: boolean
  microphone: boolean
  /** Why the last call ended, or the phone is refused. */
  reason: string
}

export type Effect =
  | { do: 'ring' }
  | { do: 'quiet' }
  | { do: 'busy' }
  | { do: 'set_away'; why: Loss }

const LINKS: Record<Link, readonly Link[]> = {
  off: ['connecting', 'no_phone', 'elsewhere'],
  no_phone: ['off', 'connecting', 'elsewhere'],
  elsewhere: ['off', 'connecting', 'no_phone'],
  connecting: ['ready', 'lost', 'refused', 'no_phone', 'elsewhere', 'off'],
  ready: ['lost', 'refused', 'elsewhere', 'off'],
  lost: ['ready', 'refused', 'no_phone', 'elsewhere', 'off'],
  refused: ['connecting', 'ready', 'lost', 'elsewhere', 'off'],
}

const LINES: Record<Line, readonly Line[]> = {
  idle: ['ringing', 'dialling'],
  ringing: ['talking', 'ending', 'idle'],
  dialling: ['talking', 'ending', 'idle'],
  talking: ['ending', 'idle'],
  ending: ['idle'],
}

export class IllegalMove extends Error {}

export class PhoneMachine {
  state: PhoneState = {
    link: 'off', line: 'idle', party: null, outgoing: false, progress: false,
    since: 0, muted: false, held: false, microphone: true, reason: '',
  }

  // --- the link

  link(to: Link, reason = ''): Effect[] {
    const from = this.state.link
    if (from === to) return []
    if (!LINKS[from].includes(to)) throw new IllegalMove(`link ${from} -> ${to}`)
    this.state = { ...this.state, link: to, reason }
    return []
  }

  /** The connection has been away for longer than it may be. */
  linkIsDead(): Effect[] {
    return this.state.link === 'lost' ? [{ do: 'set_away', why: 'phone_offline' }] : []
  }

  microphoneIs(there: boolean): Effect[] {
    if (there === this.state.microphone) return []
    this.state = { ...this.state, microphone: there }
    const isPhone = this.state.link === 'ready' || this.state.link === 'lost' || this.state.link === 'connecting'
    return there || !isPhone ? [] : [{ do: 'set_away', why: 'microphone_lost' }]
  }

  // --- the line

  incoming(party: Party, now: number): Effect[] {
    if (this.state.line !== 'idle') return [{ do: 'busy' }]
    this.#enter('ringing', now, { party, outgoing: false })
    return [{ do: 'ring' }]
  }

  dial(party: Party, now: number): Effect[] {
    this.#enter('dialling', now, { party, outgoing: true })
    return []
  }

  rings(): Effect[] {
    if (this.state.line === 'dialling') this.state = { ...this.state, progress: true }
    return []
  }

  connected(now: number): Effect[] {
    if (this.state.line === 'talking' || this.state.line === 'ending') return []
    this.#enter('talking', now)
    return [{ do: 'quiet' }]
  }

  /** We hang up or decline; `ended` follows when the other side knows. */
  hangUp(now: number): Effect[] {
    if (this.state.line === 'ending') return []
    this.#enter('ending', now)
    return [{ do: 'quiet' }]
  }

  ended(reason: string, now: number): Effect[] {
    if (this.state.line === 'idle') return []
    this.#enter('idle', now, { reason })
    return [{ do: 'quiet' }]
  }

  muted(muted: boolean): Effect[] {
    if (this.state.line === 'talking') this.state = { ...this.state, muted }
    return []
  }

  held(held: boolean): Effect[] {
    if (this.state.line === 'talking') this.state = { ...this.state, held }
    return []
  }

  #enter(line: Line, now: number, more: Partial<PhoneState> = {}): void {
    const from = this.state.line
    if (!LINES[from].includes(line)) throw new IllegalMove(`line ${from} -> ${line}`)
    const idle = line === 'idle'
    this.state = {
      ...this.state,
      ...(idle || line === 'ringing' || line === 'dialling' ? { muted: false, held: false, progress: false } : {}),
      ...(idle ? { party: null, outgoing: false } : { reason: '' }),
      line,
      since: now,
      ...more,
    }
  }
}
