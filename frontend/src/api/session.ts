import { ApiError, failureOf } from './error'
import type { User, WebSession } from './types'

/**
 * Who is signed in. The access token is only in memory; what renews it is in a cookie that no
 * script can read (server/web_session.py).
 */
export type SessionState =
  | { status: 'unknown' }
  | { status: 'out'; because: 'asked' | 'expired' | 'first' }
  | { status: 'in'; user: User }

const PATH = '/web/session'
const EARLY_MS = 60_000
/** Set while a sign-out has not reached the server: until then the cookie would sign in again. */
const OWED = 'murima.sign-out-owed'

export class Session {
  state: SessionState = { status: 'unknown' }
  #token = ''
  #expires = 0
  #renewing: Promise<boolean> | null = null
  #timer: ReturnType<typeof setTimeout> | undefined
  #listeners = new Set<() => void>()
  /** To the other tabs. */
  #channel: BroadcastChannel | null

  constructor(channel: BroadcastChannel | null) {
    this.#channel = channel
    this.#channel?.addEventListener('message', (event: MessageEvent<string>) => {
      if (event.data === 'out') this.#end('asked')
      if (event.data === 'in') void this.renew(true)
    })
  }

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  get = (): SessionState => this.state

  /** Throws ApiError with the server's reason. */
  async signIn(login: string, password: string): Promise<void> {
    const given = await this.#ask('POST', { login, password })
    globalThis.localStorage?.removeItem(OWED)
    this.#begin(given)
    this.#channel?.postMessage('in')
  }

  async signOut(): Promise<void> {
    globalThis.localStorage?.setItem(OWED, 'yes')
    this.#end('asked')
    this.#channel?.postMessage('out')
    try {
      await this.#paySignOut()
    } catch {
      // The server is away: it is told before anybody is signed in by the cookie again.
    }
  }

  /** A token that is good for the next request. */
  async token(): Promise<string> {
    if (Date.now() > this.#expires - 5_000) await this.renew()
    return this.#token
  }

  /**
   * A new access token; false when the session has ended. A server that does not answer ends
   * nothing: the old token stays, and the next request tries again.
   */
  renew(first = false): Promise<boolean> {
    this.#renewing ??= this.#renew(first).finally(() => (this.#renewing = null))
    return this.#renewing
  }

  async #renew(first: boolean): Promise<boolean> {
    try {
      if (globalThis.localStorage?.getItem(OWED)) {
        await this.#paySignOut()
        this.#end('asked')
        return false
      }
      this.#begin(await inTurn(() => this.#ask('PUT')))
      return true
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) {
        this.#end(first || this.state.status === 'unknown' ? 'first' : 'expired')
        return false
      }
      if (this.state.status === 'unknown') {
        this.#timer = setTimeout(() => void this.renew(first), 3_000)
        this.#tell()
      }
      return false
    }
  }

  async #paySignOut(): Promise<void> {
    await fetch(PATH, { method: 'DELETE', keepalive: true })
    globalThis.localStorage?.removeItem(OWED)
  }

  async #ask(method: string, body?: unknown): Promise<WebSession> {
    const init: RequestInit = { method, keepalive: true, cache: 'no-store' }
    if (body) {
      init.body = JSON.stringify(body)
      init.headers = { 'Content-Type': 'application/json' }
    }
    let response: Response
    try {
      response = await fetch(PATH, init)
    } catch {
      throw new ApiError(0, 'NETWORK', 'The server does not answer.')
    }
    if (!response.ok) throw await failureOf(response)
    return ((await response.json()) as { data: WebSession }).data
  }

  #begin(given: WebSession): void {
    this.#token = given.access_token
    this.#expires = Date.now() + given.expires_in * 1_000
    clearTimeout(this.#timer)
    const wait = Math.max(10_000, given.expires_in * 1_000 - EARLY_MS)
    this.#timer = setTimeout(() => void this.renew(), wait)
    const known = this.state.status === 'in' && JSON.stringify(this.state.user) === JSON.stringify(given.user)
    if (!known) this.state = { status: 'in', user: given.user }
    this.#tell()
  }

  #end(because: 'asked' | 'expired' | 'first'): void {
    this.#token = ''
    this.#expires = 0
    clearTimeout(this.#timer)
    if (this.state.status !== 'out') this.state = { status: 'out', because }
    this.#tell()
  }

  #tell(): void {
    for (const listener of this.#listeners) listener()
  }
}

/** One tab at a time, for each exchange makes a new cookie. */
function inTurn<T>(work: () => Promise<T>): Promise<T> {
  if (typeof navigator === 'undefined' || !('locks' in navigator)) return work()
  return navigator.locks.request('murima-renew', work) as Promise<T>
}

export const session = new Session(
  typeof BroadcastChannel === 'undefined' ? null : new BroadcastChannel('murima-session'),
)
