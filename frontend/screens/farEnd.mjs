// The other end of the softphone: a SIP server of the simplest kind over a routed WebSocket, with
// the media of a second page. Enough for JsSIP to register, be called, talk and hang up for real.
const CRLF = '\r\n'

function parse(text) {
  const [head, body = ''] = text.split('\r\n\r\n')
  const [first, ...lines] = head.split(CRLF)
  const headers = lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()])
  const all = (name) => headers.filter(([key]) => key === name).map(([, value]) => value)
  return { first, body, all, one: (name) => all(name)[0] ?? '' }
}

function reply(request, status, more = [], body = '') {
  const to = request.one('to').includes(';tag=') || status === '100 Trying' ? request.one('to') : `${request.one('to')};tag=far`
  return [
    `SIP/2.0 ${status}`,
    ...request.all('via').map((via) => `Via: ${via}`),
    `From: ${request.one('from')}`, `To: ${to}`, `Call-ID: ${request.one('call-id')}`, `CSeq: ${request.one('cseq')}`,
    ...more, ...(body ? ['Content-Type: application/sdp'] : []), `Content-Length: ${Buffer.byteLength(body)}`, '', body,
  ].join(CRLF)
}

export class FarEnd {
  registered = false
  heard = []
  #socket = null
  #voice
  #contact = ''
  #dialog = null

  /** `voice` is a blank page of the same browser, where the far end's media live. */
  constructor(voice) {
    this.#voice = voice
  }

  async serve(page, user) {
    await page.route(/\/api\/v1\/softphone\/tickets$/, (route) =>
      route.fulfill({ status: 201, json: { data: { ticket: 'once', expires_at: new Date(Date.now() + 30_000).toISOString(), user, domain: '127.0.0.1', ws_url: `ws://${new URL(page.url()).hostname}:5066/`, ice_servers: [] } } }),
    )
    await page.routeWebSocket(/\?ticket=/, (socket) => {
      this.#socket = socket
      socket.onMessage((data) => void this.#take(String(data)))
    })
  }

  async call(number, name) {
    const sdp = await this.#voice.evaluate(async () => {
      const context = new AudioContext()
      const tone = context.createOscillator()
      const out = context.createMediaStreamDestination()
      tone.connect(out)
      tone.start()
      const far = (globalThis.far = new RTCPeerConnection())
      far.addTrack(out.stream.getAudioTracks()[0], out.stream)
      await far.setLocalDescription(await far.createOffer())
      while (far.iceGatheringState !== 'complete') await new Promise((done) => setTimeout(done, 20))
      return far.localDescription.sdp
    })
    this.#dialog = { from: `"${name}" <sip:${number}@127.0.0.1>;tag=far`, callId: `far-${Date.now()}` }
    this.#send('INVITE', `<${this.#contact}>`, 1, sdp)
  }

  #send(method, to, cseq, body = '') {
    this.#socket.send([
      `${method} ${this.#contact} SIP/2.0`,
      `Via: SIP/2.0/WS 127.0.0.1:5066;branch=z9hG4bK${Math.random().toString(36).slice(2)}`,
      'Max-Forwards: 70', `From: ${this.#dialog.from}`, `To: ${to}`, `Call-ID: ${this.#dialog.callId}`, `CSeq: ${cseq} ${method}`,
      'Contact: <sip:far@127.0.0.1:5066;transport=ws>',
      ...(body ? ['Content-Type: application/sdp'] : []), `Content-Length: ${Buffer.byteLength(body)}`, '', body,
    ].join(CRLF))
  }

  async #take(text) {
    if (!text.trim()) return
    const message = parse(text)
    this.heard.push(message.first)
    if (message.first.startsWith('REGISTER')) {
      this.#contact = message.one('contact').match(/<([^>]+)>/)[1]
      this.registered = true
      this.#socket.send(reply(message, '200 OK', [`Contact: ${message.one('contact')};expires=120`]))
    } else if (message.first.startsWith('SIP/2.0 200') && message.one('cseq').endsWith('INVITE')) {
      this.#send('ACK', message.one('to'), 1)
      await this.#voice.evaluate((sdp) => globalThis.far.setRemoteDescription({ type: 'answer', sdp }), message.body)
    } else if (message.first.startsWith('SIP/2.0') && !/^SIP\/2.0 [12]/.test(message.first) && message.one('cseq').endsWith('INVITE')) {
      this.#send('ACK', message.one('to'), 1)
    } else if (/^(BYE|CANCEL|INFO|UPDATE) /.test(message.first)) {
      this.#socket.send(reply(message, '200 OK'))
    }
  }
}
