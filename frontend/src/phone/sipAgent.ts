import JsSIP from 'jssip'
import type { EndEvent, IncomingEvent, RTCSession } from 'jssip/lib/RTCSession'
import type { Socket } from 'jssip/lib/Socket'
import type { IncomingRTCSessionEvent } from 'jssip/lib/UA'
import type { SoftphoneTicket } from '../api/types'
import { audioConstraints } from './devices'
import type { MediaOptions, SipAgent, SipCall, SipCallEvents, SipEvents } from './phone'
import { TicketSocket, type PhoneWire } from './ticketSocket'

/** The only file that knows JsSIP. */

// The server is on the same network: asking a STUN server would delay every call, and tell it.
const PEER: RTCConfiguration = { iceServers: [] }
const KEEP_SECONDS = 120

export function startSipAgent(
  ticket: SoftphoneTicket,
  fetchTicket: () => Promise<SoftphoneTicket>,
  events: SipEvents,
): SipAgent {
  const open = (url: string): PhoneWire => new WebSocket(url, 'sip') as unknown as PhoneWire
  const socket = new TicketSocket(ticket, fetchTicket, open)
  const ua = new JsSIP.UA({
    sockets: [socket as unknown as Socket],
    uri: `sip:${ticket.user}@${ticket.domain}`,
    register: true,
    register_expires: KEEP_SECONDS,
    session_timers: false,
    connection_recovery_min_interval: 1,
    connection_recovery_max_interval: 15,
    user_agent: 'Murima web phone',
  })
  let stopped = false
  const unless = (work: () => void) => () => {
    if (!stopped) work()
  }
  ua.on('registered', unless(() => events.registered()))
  ua.on('disconnected', unless(() => events.lost()))
  ua.on('registrationFailed', ({ cause, response }) => {
    if (stopped) return
    // Without an answer it is the connection, and JsSIP tries again by itself.
    if (response) events.refused(`${response.status_code} ${response.reason_phrase}`)
    else if (cause) events.lost()
  })
  ua.on('newRTCSession', (event: unknown) => {
    const { originator, session, request } = event as IncomingRTCSessionEvent
    if (String(originator) !== 'remote') return
    const call = new JsSipCall(session)
    const { user } = session.remote_identity.uri
    events.incoming(call, user ?? '', session.remote_identity.display_name ?? '', (given) => call.listen(given), /answer-after=0/.test(request.getHeader('Call-Info') ?? ''))
  })
  // The server asks every few seconds. A tab that sleeps does not answer, and gets no calls.
  ua.on('newOptions', (event: unknown) => {
    const { originator, message } = event as { originator: string; message: { accept(options: object): void } }
    if (originator !== 'remote') return
    message.accept({ extraHeaders: [`X-Murima-Microphone: ${events.microphoneThere() ? 'there' : 'missing'}`] })
  })
  ua.start()
  return {
    call: (target, options, callEvents) => {
      const session = ua.call(`sip:${encodeURIComponent(target)}@${ticket.domain}`, mediaOptions(options))
      const call = new JsSipCall(session)
      call.listen(callEvents)
      return call
    },
    stop: () => {
      stopped = true
      ua.stop()
    },
  }
}

function mediaOptions({ microphone }: MediaOptions) {
  return { mediaConstraints: { audio: audioConstraints(microphone), video: false }, pcConfig: PEER }
}

class JsSipCall implements SipCall {
  #session: RTCSession

  constructor(session: RTCSession) {
    this.#session = session
  }

  listen(events: SipCallEvents): void {
    const session = this.#session
    session.on('progress', (event: IncomingEvent) => {
      if (String(event.originator) === 'remote') events.progress()
    })
    session.on('confirmed', () => events.connected())
    const over = ({ cause }: EndEvent) => events.ended(cause)
    session.on('ended', over)
    session.on('failed', over)
    session.on('getusermediafailed', () => events.microphoneFailed())
    const hear = (connection: RTCPeerConnection) =>
      connection.addEventListener('track', ({ track, streams }) =>
        events.remoteTrack(streams[0] ?? new MediaStream([track])),
      )
    // Of an outgoing call the connection is there before anybody can listen for it.
    if (session.connection) hear(session.connection)
    else session.on('peerconnection', ({ peerconnection }) => hear(peerconnection))
  }

  answer(options: MediaOptions): void {
    this.#session.answer(mediaOptions(options))
  }

  terminate(status?: number): void {
    // JsSIP throws when the other side was faster; then there is nothing left to do.
    if (this.#session.isEnded()) return
    this.#session.terminate(status === undefined ? {} : { status_code: status })
  }

  mute(): void {
    this.#session.mute({ audio: true })
  }

  unmute(): void {
    this.#session.unmute({ audio: true })
  }

  sendDTMF(digit: string): void {
    this.#session.sendDTMF(digit, { transportType: JsSIP.C.DTMF_TRANSPORT.RFC2833 })
  }

  async stats(): Promise<Iterable<Record<string, unknown>>> {
    const rows: Record<string, unknown>[] = []
    const report = await this.#session.connection?.getStats()
    report?.forEach((row: Record<string, unknown>) => rows.push(row))
    return rows
  }

  async useMicrophone(track: MediaStreamTrack): Promise<void> {
    const sender = this.#session.connection?.getSenders().find((one) => one.track?.kind === 'audio')
    await sender?.replaceTrack(track)
  }
}
