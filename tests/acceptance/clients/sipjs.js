// A page that is a phone by SIP.js, as its documentation has it; the test presses its buttons.

import { SessionState, UserAgent, Web } from 'sip.js'
import { hear, loudest, microphone } from './common.js'

let user
let rings = false
let talking = false
let over = false

window.client = {
  async start({ url, user: name, domain, password }) {
    user = new Web.SimpleUser(url, {
      aor: `sip:${name}@${domain}`,
      media: { constraints: { audio: microphone, video: false } },
      delegate: {
        onCallReceived: () => (rings = true),
        onCallAnswered() {
          rings = false
          talking = true
          hear(user.remoteMediaStream)
        },
        onCallHangup() {
          talking = false
          over = true
        },
      },
      userAgentOptions: {
        authorizationUsername: name,
        authorizationPassword: password,
        sessionDescriptionHandlerFactoryOptions: {
          iceGatheringTimeout: 500,
          peerConnectionConfiguration: { iceServers: [] },
        },
      },
    })
    await user.connect()
    await user.register()
  },
  isRegistered: () => user.isConnected(),
  call: (target) => user.call(target),
  isRinging: () => rings,
  answer: () => user.answer(),
  isTalking: () => talking,
  hold: () => user.hold(),
  async resume() {
    for (;;) {
      try {
        return await user.unhold()
      } catch {
        await new Promise((done) => setTimeout(done, 100)) // the hold is still being agreed on
      }
    }
  },
  press: (key) => user.sendDTMF(key),
  transfer: (target) => void user.session.refer(UserAgent.makeURI(target)),
  hangUp: () => user.hangup(),
  isOver: () => over || user.session?.state === SessionState.Terminated,
  loudest,
}
