import { expect, test } from 'vitest'
import { IllegalMove, PhoneMachine } from './machine'

const caller = { number: '+4930123', name: 'support' }

function ready(): PhoneMachine {
  const machine = new PhoneMachine()
  machine.link('connecting')
  machine.link('ready')
  return machine
}

test('an incoming call rings until it is taken', () => {
  const machine = ready()
  expect(machine.incoming(caller, 100)).toEqual([{ do: 'ring' }])
  expect(machine.state).toMatchObject({ line: 'ringing', party: caller, since: 100 })
  expect(machine.connected(200)).toEqual([{ do: 'quiet' }])
  expect(machine.state).toMatchObject({ line: 'talking', party: caller, since: 200 })
})

test('a second call finds the line busy and changes nothing', () => {
  const machine = ready()
  machine.incoming(caller, 0)
  machine.connected(1)
  expect(machine.incoming({ number: '2', name: '' }, 2)).toEqual([{ do: 'busy' }])
  expect(machine.state).toMatchObject({ line: 'talking', party: caller })
})

test('mute and hold are of one call and do not outlive it', () => {
  const machine = ready()
  machine.muted(true)
  expect(machine.state.muted).toBe(false)
  machine.dial(caller, 0)
  machine.rings()
  machine.connected(1)
  machine.muted(true)
  machine.held(true)
  machine.ended('Terminated', 2)
  expect(machine.state).toMatchObject({ line: 'idle', muted: false, held: false, progress: false, party: null, reason: 'Terminated' })
})

test('hanging up twice is once, and an end that comes by itself ends what was ending', () => {
  const machine = ready()
  machine.dial(caller, 0)
  expect(machine.hangUp(1)).toEqual([{ do: 'quiet' }])
  expect(machine.hangUp(2)).toEqual([])
  expect(machine.connected(3)).toEqual([])
  expect(machine.ended('Canceled', 4)).toEqual([{ do: 'quiet' }])
  expect(machine.ended('Canceled', 5)).toEqual([])
})

test('a link that stays away sets the agent away, one that came back does not', () => {
  const machine = ready()
  machine.link('lost')
  expect(machine.linkIsDead()).toEqual([{ do: 'set_away', why: 'phone_offline' }])
  machine.link('ready')
  expect(machine.linkIsDead()).toEqual([])
})

test('a lost microphone sets the agent away once, and only where this tab is the phone', () => {
  const machine = ready()
  expect(machine.microphoneIs(false)).toEqual([{ do: 'set_away', why: 'microphone_lost' }])
  expect(machine.microphoneIs(false)).toEqual([])
  expect(machine.microphoneIs(true)).toEqual([])
  machine.link('elsewhere')
  expect(machine.microphoneIs(false)).toEqual([])
})

test('a call survives the loss of the link', () => {
  const machine = ready()
  machine.incoming(caller, 0)
  machine.connected(1)
  machine.link('lost')
  expect(machine.state.line).toBe('talking')
})

test('moves that make no sense are faults of ours', () => {
  const machine = new PhoneMachine()
  expect(() => machine.link('ready')).toThrow(IllegalMove)
  expect(() => machine.connected(0)).toThrow(IllegalMove)
  machine.dial(caller, 0)
  expect(() => machine.dial(caller, 1)).toThrow(IllegalMove)
})
