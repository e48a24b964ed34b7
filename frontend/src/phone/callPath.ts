import type { IceServer } from '../api/types'

/** How a call's sound finds its way, and finds another one when the network changes. */

/** Call set-up never waits longer than this for candidates. */
export const GATHERING_MS = 1_000
/** A path that is away for less comes back by itself. */
const GRACE_MS = 1_500
const AGAIN_MS = 4_000

export function peerConfiguration(servers: IceServer[]): RTCConfiguration {
  return {
    iceServers: servers.map(({ urls, username, credential }) =>
      username === null || credential === null ? { urls } : { urls, username, credential },
    ),
  }
}

/**
 * End gathering for the SIP library when it lasts too long: it waits for the candidate that is none.
 * The server answers checks from wherever they come, so it needs no list of candidates at all.
 */
export function hurryGathering(connection: RTCPeerConnection): void {
  connection.addEventListener('icegatheringstatechange', () => {
    if (connection.iceGatheringState !== 'gathering') return
    setTimeout(() => {
      if (connection.iceGatheringState !== 'gathering') return
      connection.dispatchEvent(new RTCPeerConnectionIceEvent('icecandidate', { candidate: null }))
    }, GATHERING_MS)
  })
}

/** What is needed of a connection. */
export interface PathState {
  readonly connectionState: RTCPeerConnectionState
  addEventListener(kind: 'connectionstatechange', listener: () => void): void
  removeEventListener(kind: 'connectionstatechange', listener: () => void): void
}

/** Asks for the path to be mended while it is broken, again and again. */
export class PathWatch {
  #connection: PathState
  #mend: () => void
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(connection: PathState, mend: () => void) {
    this.#connection = connection
    this.#mend = mend
    connection.addEventListener('connectionstatechange', this.#look)
  }

  stop(): void {
    clearTimeout(this.#timer)
    this.#connection.removeEventListener('connectionstatechange', this.#look)
  }

  #look = (): void => {
    clearTimeout(this.#timer)
    if (this.#connection.connectionState === 'disconnected') this.#timer = setTimeout(this.#try, GRACE_MS)
  }

  #try = (): void => {
    this.#mend()
    this.#timer = setTimeout(() => {
      if (this.#connection.connectionState !== 'connected') this.#try()
    }, AGAIN_MS)
  }
}
