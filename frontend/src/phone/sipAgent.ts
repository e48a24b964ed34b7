import JsSIP from 'jssip'
import type { EndEvent, IncomingEvent, RTCSession } from 'jssip/lib/RTCSession'
import type { Socket } from 'jssip/lib/Socket'
import type { IncomingRTCSessionEvent } from 'jssip/lib/UA'
import type { SoftphoneTicket } from '../api/types'
import { hurryGathering, PathWatch, peerConfiguration } from './callPath'
import { audioConstraints } from './devices'
import type { MediaOptions, SipAgent, SipCall, SipCallEvents, SipEvents } from './phone'
import { TicketSocket, type PhoneWire } from './ticketSocket'

/** The only file that knows JsSIP. */

const KEEP_SECONDS = 120
/** What lets a browser use a TURN server expires: a new ticket brings the next one. */
const RENEW_MS = 3_600_000

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
    // A talk shall go on within ten seconds of the network's return.
    connection_recovery_max_interval: 4,
    user_agent: 'Murima web phone',
  })
  const calls = new Set<JsSipCall>()
  let isAway = false
  let stopped = false
  const media = ({ microphone }: MediaOptions): JsSipMedia => ({
    mediaConstraints: { audio: audioConstraints(microphone), video: false },
    pcConfig: peerConfiguration(socket.ticket.ice_servers),
  })
  // A change over a connection that is dead would end the call: it is asked first. If it is, JsSIP
  // connects anew, and the paths are mended once we are registered again.
  const mendPaths = () => void socket.probe().then((alive) => alive && calls.forEach((call) => call.restartIce()))
  const added = (session: RTCSession): JsSipCall => {
    const call = new JsSipCall(session, media, mendPaths, () => calls.delete(call))
    calls.add(call)
    return call
  }
  const renewing = setInterval(() => {
    if (!ticket.ice_servers.some(({ credential }) => credential)) return
    // Without a new one the old one may still do.
    void fetchTicket().then((next) => (socket.ticket = next), () => {})
  }, RENEW_MS)
  addEventListener('online', mendPaths)
  const unless = (work: () => void) => () => {
    if (!stopped) work()
  }
  ua.on('registered', unless(() => {
    events.registered()
    // What cut the connection may have cut the sound's path too.
    if (isAway) calls.forEach((call) => call.restartIce())
    isAway = false
  }))
  ua.on('disconnected', unless(() => {
    isAway = true
    events.lost()
  }))
  ua.on('registrationFailed', ({ cause, response }) => {
    if (stopped) return
    // Without an answer it is the connection, and JsSIP tries again by itself.
    if (response) events.refused(`${response.status_code} ${response.reason_phrase}`)
    else if (cause) events.lost()
  })
  ua.on('newRTCSession', (event: unknown) => {
    const { originator, session, request } = event as IncomingRTCSessionEvent
    if (String(originator) !== 'remote') return
    const call = added(session)
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
      const session = ua.call(`sip:${encodeURIComponent(target)}@${ticket.domain}`, media(options))
      const call = added(session)
      call.listen(callEvents)
      return call
    },
    stop: () => {
      stopped = true
      clearInterval(renewing)
      removeEventListener('online', mendPaths)
      ua.stop()
    },
  }
}

interface JsSipMedia {
  mediaConstraints: MediaStreamConstraints
  pcConfig: RTCConfiguration
}

class JsSipCall implements SipCall {
  #session: RTCSession
  #media: (options: MediaOptions) => JsSipMedia

  constructor(
    session: RTCSession,
    media: (options: MediaOptions) => JsSipMedia,
    mendPath: () => void,
    over: () => void,
  ) {
    this.#session = session
    this.#media = media
    let path: PathWatch | null = null
    const watch = (connection: RTCPeerConnection) => {
      hurryGathering(connection)
      path = new PathWatch(connection, mendPath)
    }
    // Of an outgoing call the connection is there before anybody can listen for it.
    if (session.connection) watch(session.connection)
    else session.on('peerconnection', ({ peerconnection }) => watch(peerconnection))
    // One candidate is enough: the server answers whatever check comes, from wherever.
    session.on('icecandidate', ({ ready }) => ready())
    const end = () => {
      path?.stop()
      over()
    }
    session.on('ended', end)
    session.on('failed', end)
  }

  /** Look for a way anew; the call goes on by the old one for as long as it is good. */
  restartIce(): void {
    if (this.#session.isEstablished()) this.#session.renegotiate({ rtcOfferConstraints: { iceRestart: true } })
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
    if (session.connection) hear(session.connection)
    else session.on('peerconnection', ({ peerconnection }) => hear(peerconnection))
  }

  answer(options: MediaOptions): void {
    this.#session.answer(this.#media(options))
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
