// A page that is a phone by JsSIP, as its documentation has it; the test presses its buttons.

import JsSIP from 'jssip'
import { hear, loudest, microphone } from './common.js'

const options = {
  mediaConstraints: { audio: microphone, video: false },
  pcConfig: { iceServers: [] },
}
let agent
let session

window.client = {
  start({ url, user, domain, password }) {
    agent = new JsSIP.UA({
      sockets: [new JsSIP.WebSocketInterface(url)],
      uri: `sip:${user}@${domain}`,
      password,
    })
    agent.on('newRTCSession', (event) => {
      session = event.session
      const listen = (connection) =>
        connection.addEventListener('track', (track) => hear(track.streams[0]))
      if (session.connection) listen(session.connection)
      else session.on('peerconnection', (made) => listen(made.peerconnection))
    })
    agent.start()
  },
  isRegistered: () => agent.isRegistered(),
  call: (target) => void agent.call(target, options),
  isRinging: () => Boolean(session) && session.direction === 'incoming' && session.isInProgress(),
  answer: () => session.answer(options),
  isTalking: () => Boolean(session) && session.isEstablished(),
  hold: () => new Promise((done) => session.hold({}, done)),
  resume: () => new Promise((done) => session.unhold({}, done)),
  press: (key) => session.sendDTMF(key, { transportType: 'RFC2833' }),
  transfer: (target) => void session.refer(target),
  hangUp: () => session.terminate(),
  isOver: () => session.isEnded(),
  loudest,
}
