// A busy morning, so that every screen has something to show. Times are counted back from now.
const ago = (seconds) => new Date(Date.now() - 1000 * seconds).toISOString()
const id = (n) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`

const agent = (n, name, extension, state, seconds, more = {}) => ({
  id: id(n), name, extension, skills: { support: 5 }, state, reason: '', pending: null,
  since: ago(seconds), call_id: null, reachable: state !== 'offline', ...more,
})
const leg = (n, role, party, agent_id = null) => ({ id: id(n), role, party, agent_id, is_answered: true, is_held: false, is_muted: false, mode: 'talk', quality: SOUNDS[n % SOUNDS.length] })

const sounds = (verdict, loss_percent, jitter_ms, round_trip_ms, mos) => ({ verdict, loss_percent, jitter_ms, round_trip_ms, mos })
const SOUNDS = [sounds('good', 0, 3.1, 24, 4.36), sounds('good', 0.2, 5.4, null, 4.33), sounds('poor', 7.4, 22, 96, 3.12)]
const LEVEL = { service_level_seconds: 20, service_level_target: 80, short_abandon_seconds: 5 }

/** `own` is the agent of the signed-in user; `running` is whether that agent is on a call. */
export function fixtures(own, running) {
  const agents = [
    agent(1, 'Anna Agent', '1001', running ? 'engaged' : 'available', 83, { call_id: running ? id(101) : null }),
    agent(2, 'Ben Agent', '1002', 'engaged', 312, { call_id: id(102) }),
    agent(3, 'Clara Conrad', '1003', 'wrap_up', 7, { wrap_up_until: ago(-9), disposition_due: null }),
    agent(4, 'Dmitri Dahl', '1004', 'away', 1260, { reason: 'lunch' }),
    agent(5, 'Emre Ersoy', '1005', 'not_responding', 41),
    agent(6, 'Fatima Farah', '1006', 'available', 655),
    agent(7, 'Georg Grün', '1007', 'engaged', 95, { call_id: id(103), pending: 'away' }),
    agent(8, 'Hannah Hu', '1008', 'offline', 5400),
  ]
  if (own) agents[0].id = own
  const queues = [
    { id: id(21), name: 'sales', skill: 'sales', waiting: 0, longest_wait_ms: 0, agents_available: 2, agents_logged_in: 5, offered: 84, answered: 79, abandoned: 3, flowed_out: 2, answered_in_time: 70, abandoned_short: 1, service_level: 86.4, ...LEVEL },
    { id: id(22), name: 'support', skill: 'support', waiting: 3, longest_wait_ms: 74_000, agents_available: 1, agents_logged_in: 6, offered: 141, answered: 118, abandoned: 14, flowed_out: 6, answered_in_time: 88, abandoned_short: 4, service_level: 68.75, ...LEVEL },
  ]
  const call = (n, caller, queue, state, seconds, agent_id, more = {}) => ({
    id: id(n), direction: 'inbound', caller, called: '5000', started_at: ago(seconds), answered_at: ago(seconds - 3),
    state, node: queue, queue, agent_id, queued_at: queue ? ago(seconds - 20) : null, choices: [], help: null,
    legs: [leg(n + 300, 'caller', caller), ...(agent_id ? [leg(n + 400, 'agent', '1001', agent_id)] : [])], ...more,
  })
  const live = [
    call(102, '+49 89 2017740', 'support', 'talking', 345, id(2)),
    call(103, '+49 221 998800', 'sales', 'talking', 118, id(7), { help: { agent_id: id(7), reason: 'upset_caller', text: 'Wants to speak to somebody in charge', since: ago(23), taken_by: null } }),
    call(104, '+43 1 5350', 'support', 'queued', 96, null),
    call(105, '', 'support', 'queued', 51, null),
    call(106, '+49 30 55512', 'menu', 'flow', 8, null, { queue: '', node: 'menu' }),
  ]
  const choices = [{ menu: 'language', key: '1', led_to: 'main menu' }, { menu: 'main menu', key: '2', led_to: 'support' }]
  if (running) live.unshift(call(101, '+49 30 1234567', 'support', 'talking', 104, own ?? id(1), { choices }))
  const rings = call(101, '+49 30 1234567', 'support', 'queued', 57, null, { choices, legs: [{ ...leg(401, 'agent', '1001', own), is_answered: false }] })
  const contact = (n, minutes, agent_name, disposition, note) => ({ id: id(n), direction: 'inbound', started_at: ago(60 * minutes), answered_at: agent_name ? ago(60 * minutes - 20) : null, ended_at: ago(60 * minutes - 200), cause: 'caller_hung_up', queue: 'support', agent_name, disposition, note })
  const contacts = [
    contact(201, 34, null, null, ''),
    contact(203, 1500, 'Ben Agent', 'Call back', 'Invoice 4711 is wrong: the discount is missing. Asked the accounts department, they call back before Friday.'),
    contact(206, 9000, 'Clara Conrad', 'Resolved', 'New address noted.'),
  ]
  const test = (agent_id, verdict, minutes) => ({ agent_id, at: ago(60 * minutes), verdict, microphone: 'there', level: 0.6, speaker: true, round_trip_ms: 24, loss_percent: 0.1, jitter_ms: 3, mos: 4.3 })
  const tests = [test(own ?? id(1), 'good', 47), test(id(2), 'fair', 31), test(id(4), 'failed', 52), test(id(6), 'good', 12)]
  const done = (n, caller, called, direction, minutes, seconds, cause, agent_name = 'Anna Agent') => ({
    id: id(n), direction, caller, called, trunk_id: null, started_at: ago(60 * minutes),
    answered_at: seconds ? ago(60 * minutes - 12) : null, ended_at: ago(60 * minutes - 12 - seconds), cause,
    sip_status: null, flow_id: null, flow_name: 'main', flow_version: 1, agent_id: own ?? id(1), agent_name,
  })
  const calls = [
    done(201, '+49 30 7654321', '5000', 'inbound', 9, 193, 'caller_hung_up'),
    done(202, '1001', '+49 711 2200', 'outbound', 21, 64, 'target_hung_up'),
    done(203, '+43 660 1188', '5000', 'inbound', 34, 411, 'transferred'),
    done(204, '', '5000', 'inbound', 52, 38, 'agent_hung_up'),
    done(205, '1002', '1001', 'internal', 61, 0, 'no_answer'),
    done(206, '+49 40 33100', '5000', 'inbound', 75, 720, 'caller_hung_up'),
  ]
  const recording = (n, call_id, kind, minutes, ms, more = {}) => ({
    id: id(n), call_id: id(call_id), kind, started_at: ago(60 * minutes), stored_at: ago(60 * minutes - ms / 1000),
    duration_ms: ms, size_bytes: ms * 32, sha256: '0'.repeat(64), channels: kind === 'call' ? 2 : 1, complete: true, failed_reason: null, caller: '+49 30 7654321', called: '5000', agent_name: kind === 'call' ? 'Anna Agent' : null, ...more,
  })
  const recordings = [
    recording(501, 201, 'call', 9, 193_000),
    recording(502, 203, 'call', 34, 411_000, { caller: '+43 660 1188' }),
    recording(503, 206, 'call', 75, 720_000, { complete: false, caller: '+49 40 33100', agent_name: 'Ben Agent' }),
    recording(504, 204, 'voicemail', 90, 17_000, { caller: '' }),
  ]
  const quality = { packets_received: 9640, packets_sent: 9650, packets_lost: 12, packets_late: 3, packets_refused: 0, jitter_ms: 4.2, round_trip_ms: 21, mos: 4.3 }
  const detail = {
    ...calls[0],
    legs: [
      { id: id(601), role: 'caller', party: '+49 30 7654321', agent_id: null, agent_name: null, sip_call_id: 'x', started_at: ago(540), ringing_at: null, answered_at: ago(539), ended_at: ago(340), codec: 'PCMA', cause: 'caller_hung_up', sip_status: null, quality },
      { id: id(602), role: 'agent', party: '1001', agent_id: id(1), agent_name: 'Anna Agent', sip_call_id: 'y', started_at: ago(520), ringing_at: ago(520), answered_at: ago(515), ended_at: ago(340), codec: 'PCMA', cause: 'caller_hung_up', sip_status: null, quality: { ...quality, mos: 4.1 } },
    ],
    queue_visits: [{ queue_id: id(22), queue: 'support', entered_at: ago(530), left_at: ago(515), position: 1, offers: 1, result: 'answered', reason: '', agent_id: id(1), waited_ms: 15_000 }],
    recordings: [{ id: id(501), kind: 'call', duration_ms: 193_000, complete: true }],
  }
  const event = (type, seconds, data = {}) => ({ at: ago(seconds), type, data })
  const timeline = [
    event('CallStarted', 540, { direction: 'inbound', caller: '+49 30 7654321', called: '5000' }),
    event('FlowStarted', 540, { flow_name: 'main', flow_version: 1 }),
    event('CallAnswered', 539),
    event('FlowNodeEntered', 539, { node: 'greeting', kind: 'play' }),
    event('FlowNodeEntered', 536, { node: 'menu', kind: 'menu', exit_taken: 'next' }),
    event('WorkQueued', 530, { priority: 0, position: 1 }),
    event('WorkOffered', 520),
    event('LegRinging', 520),
    event('WorkAssigned', 515, { waited_ms: 15000 }),
    event('LegsBridged', 515),
    event('RecordingStarted', 515, { kind: 'call' }),
    event('LegEnded', 340, { cause: 'caller_hung_up', quality }),
    event('CallEnded', 340, { cause: 'caller_hung_up' }),
  ]
  return { agents, queues, live, rings, calls, contacts, tests, recordings, detail, timeline, ...administration(agents) }
}

/** What an administrator has set up. */
function administration(agents) {
  const user = (n, login, display, role, more = {}) => ({ id: id(n), login, display, role, agent_id: null, phone: null, disabled: false, created_at: ago(9e6), ...more })
  const users = [
    user(701, 'admin', 'Andrea Amann', 'administrator'),
    ...agents.slice(0, 5).map(({ id: agent_id, name }, place) => user(702 + place, name.split(' ')[0].toLowerCase(), name, 'agent', { agent_id, disabled: place === 3 })),
    user(710, 'sabine', 'Sabine Sommer', 'supervisor', { phone: '1900' }),
    user(711, 'wall', 'Screen in the hall', 'viewer'),
  ]
  const settings = { id: id(22), name: 'support', skill: 'support', minimum_level: 2, priority: 0, ring_seconds: 15, wrap_up_seconds: 20, disposition_required: true, disposition_seconds: 900, announce_every_seconds: 45, max_waiting: 30, max_wait_seconds: 600, music: id(953) }
  const flows = ['main', 'night', 'voicemail'].map((name, place) => ({ id: id(800 + place), name, latest_version: 3, published_version: 3, created_at: ago(9e6) }))
  const number = (text, flow) => ({ number: text, flow_id: flow.id, flow_name: flow.name, created_at: ago(9e6) })
  const numbers = [number('+49301234500', flows[0]), number('+49301234501', flows[1]), number('5000', flows[0]), number('5002', flows[2])]
  const trunk = (n, name, networks, target, more = {}) => ({
    id: id(n), name, networks, target, username: null, has_password: false, enabled: true, register: false, created_at: ago(9e6),
    state: 'up', state_since: ago(86_000), state_detail: '', registration: 'off', registered_until: null, ...more,
  })
  const trunks = [
    trunk(901, 'Hospital PBX', ['192.0.2.0/28'], 'sip:pbx.example.org:5060'),
    trunk(902, 'Old carrier', ['198.51.100.7/32'], null, { enabled: false, state: 'off', state_since: null }),
    trunk(904, 'Branch office', ['192.0.2.64/28'], 'sip:branch.example.org', { state: 'down', state_since: ago(340), state_detail: 'no answer within 4 seconds' }),
    trunk(903, 'Provider', ['203.0.113.16/29', '2001:db8::/48'], 'sip:sip.example.net;transport=tcp', { username: '4930123450', has_password: true, register: true, registration: 'registered', registered_until: ago(-520) }),
  ]
  const phones = [
    ...agents.map(({ id: agent_id, name, extension, reachable }, place) => ({ user: extension, display: name, agent_id, registered: reachable, contacts: reachable ? [`sip:${extension}@192.0.2.${20 + place}:5060`] : [] })),
    { user: '1900', display: 'Supervisor', agent_id: null, registered: true, contacts: ['sip:1900@192.0.2.40:5060;transport=ws'] },
  ]
  const dispositions = [['resolved', 'Resolved'], ['call-back', 'Call back'], ['passed-on', 'Passed on'], ['wrong-number', 'Wrong number']].map(([code, label], position) => ({ code, label, position }))
  const entry = (seq, minutes, actor, action, subject, data = {}) => ({ seq, at: ago(60 * minutes), actor_id: id(701), actor, action, subject, data })
  const audit = [
    entry(118, 4, 'admin', 'queue_changed', id(22), { name: 'support', skill: 'support', wrap_up_seconds: 20 }),
    entry(117, 12, 'sabine', 'call.supervise', id(102), { mode: 'listen' }),
    entry(116, 35, 'admin', 'agent_added', id(8), { name: 'Hannah Hu', extension: '1008', skills: { support: 3 }, new_password: true }),
    entry(115, 36, 'admin', 'user_password_changed', id(705)),
    entry(114, 95, 'admin', 'number_changed', '+49301234501', { flow: 'night' }),
    entry(113, 1500, 'admin', 'trunk_changed', id(902), { name: 'Old carrier', enabled: false }),
  ]
  const sound = (n, name, kind, seconds, spoken_text = null) => ({ id: id(n), name, kind, duration_ms: seconds * 1000, size_bytes: seconds * 32_000, sha256: '0'.repeat(64), spoken_text, voice: spoken_text ? 'en-gb' : null, created_at: ago(9e6) })
  const sounds = [
    sound(951, 'closed', 'announcement', 7, 'Thank you for calling. We are closed now. Please call again tomorrow from eight o’clock.'),
    sound(952, 'greeting', 'announcement', 4, 'Welcome to the hospital.'),
    sound(953, 'quiet piano', 'music', 184),
  ]
  const weekly = ['monday', 'tuesday', 'wednesday', 'thursday', 'friday'].flatMap((day) => [{ day, opens: '08:00', closes: '12:00' }, { day, opens: '13:00', closes: '17:00' }])
  const holidays = [{ date: '2026-12-24', name: 'Christmas Eve', spans: [{ opens: '08:00', closes: '12:00' }] }, { date: '2026-12-25', name: 'Christmas', spans: [] }]
  const hours = [
    { id: id(961), name: 'office', zone: 'Europe/Berlin', weekly, holidays, open_now: true, next_change_at: ago(-5400), created_at: ago(9e6) },
    { id: id(962), name: 'pharmacy', zone: 'Europe/Berlin', weekly: weekly.slice(0, 4), holidays: [], open_now: false, next_change_at: ago(-86_400), created_at: ago(9e6) },
  ]
  return { sounds, hours, users, settings, flows, numbers, trunks, phones, dispositions, audit }
}

const page = (data) => ({ data, pagination: { total: data.length, page: 1, limit: 20, pages: 1 } })

/** Answers the lists and the feed of one page from the fixtures; everything else is the server's. */
export async function serveFixtures(target, made) {
  const json = (pattern, body) => target.route(pattern, (route) => (route.request().method() === 'GET' ? route.fulfill({ json: body() }) : route.fallback()))
  await json(/\/api\/v1\/agents(\?|$)/, () => page(made.agents))
  await json(/\/api\/v1\/device-tests$/, () => ({ data: made.tests }))
  await json(/\/api\/v1\/queues$/, () => ({ data: made.queues }))
  for (const name of ['users', 'flows', 'numbers', 'trunks', 'sounds', 'hours', 'audit']) await json(new RegExp(`/api/v1/${name}(\\?|$)`), () => page(made[name]))
  for (const name of ['phones', 'dispositions']) await json(new RegExp(`/api/v1/${name}$`), () => ({ data: made[name] }))
  await json(/\/api\/v1\/queues\/[0-9a-f-]{36}$/, () => ({ data: made.settings }))
  await json(/\/api\/v1\/calls\/live$/, () => ({ data: made.live }))
  await json(/\/api\/v1\/calls\/live\/[^/]+\/contacts/, () => ({ data: made.contacts }))
  await json(/\/api\/v1\/calls(\?|$)/, () => page(made.calls))
  await json(/\/api\/v1\/calls\/[0-9a-f-]{36}$/, () => ({ data: made.detail }))
  await json(/\/api\/v1\/calls\/[0-9a-f-]{36}\/timeline$/, () => ({ data: made.timeline }))
  await json(/\/api\/v1\/recordings(\?|$)/, () => page(made.recordings))
  await target.route(/\/api\/v1\/recordings\/[0-9a-f-]{36}\/audio$/, (route) => route.fulfill({ body: speech(3), contentType: 'audio/wav' }))
  await target.routeWebSocket(/\/ws\/v1\/events$/, (socket) => {
    made.drop = () => socket.close()
    made.tell = (type) => socket.send(JSON.stringify({ sequence: 2, type, data: {} }))
    socket.onMessage(() => {
      const data = { agents: made.agents, queues: made.queues, calls: made.live }
      socket.send(JSON.stringify({ sequence: 1, type: 'Snapshot', data }))
    })
  })
}

function speech(seconds) {
  const rate = 8000
  const body = Buffer.alloc(44 + 2 * rate * seconds)
  body.write('RIFF', 0)
  body.writeUInt32LE(body.length - 8, 4)
  body.write('WAVEfmt ', 8)
  body.writeUInt32LE(16, 16)
  body.writeUInt16LE(1, 20)
  body.writeUInt16LE(1, 22)
  body.writeUInt32LE(rate, 24)
  body.writeUInt32LE(2 * rate, 28)
  body.writeUInt16LE(2, 32)
  body.writeUInt16LE(16, 34)
  body.write('data', 36)
  body.writeUInt32LE(body.length - 44, 40)
  // Somebody speaks in words, so that there is a shape to see.
  for (let n = 0; n < rate * seconds; n += 1) body.writeInt16LE(Math.round(9_000 * Math.abs(Math.sin(n / 1_900)) * Math.abs(Math.sin(n / 7_000)) * Math.sin(n / 3)), 44 + 2 * n)
  return body
}
