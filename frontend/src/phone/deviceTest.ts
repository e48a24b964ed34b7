import { audioConstraints, chosenDevice, meter, probeMicrophone, type MicrophoneState } from './devices'
import type { Phone } from './phone'
import type { Quality } from './quality'

/** Where our server lets a phone hear itself, whatever numbers it has. */
export const ECHO_TEST = '*43'
const SPEAK_MS = 4_000
const MEASURE_MS = 8_000
const CONNECT_MS = 15_000

export interface Measured {
  round_trip_ms: number | null
  loss_percent: number
  jitter_ms: number
}

/** Permission, then the loudest that was heard while the person was asked to speak. */
export async function testMicrophone(told: (level: number) => void): Promise<{ microphone: MicrophoneState; level: number | null }> {
  const microphone = await probeMicrophone()
  if (microphone !== 'there') return { microphone, level: null }
  const stream = await navigator.mediaDevices.getUserMedia({ audio: audioConstraints(chosenDevice('microphone')) })
  let loudest = 0
  const stop = meter(stream, (level) => {
    loudest = Math.max(loudest, level)
    told(level)
  })
  await new Promise((done) => setTimeout(done, SPEAK_MS))
  stop()
  for (const track of stream.getTracks()) track.stop()
  return { microphone, level: loudest }
}

/** Two soft tones on the chosen speaker. */
export async function playTone(): Promise<void> {
  const context = new AudioContext()
  const speaker = chosenDevice('speaker')
  if (speaker && 'setSinkId' in context) await (context.setSinkId as (id: string) => Promise<void>)(speaker).catch(() => {})
  for (const [at, frequency] of [[0, 523], [0.5, 659]] as const) {
    const tone = context.createOscillator()
    const gain = context.createGain()
    gain.gain.value = 0.15
    tone.frequency.value = frequency
    tone.connect(gain).connect(context.destination)
    tone.start(context.currentTime + at)
    tone.stop(context.currentTime + at + 0.4)
  }
  await new Promise((done) => setTimeout(done, 1_100))
  await context.close()
}

/** A call to the server's echo, measured while it lasts; null where it did not come about. */
export async function measureEcho(phone: Phone): Promise<Measured | null> {
  const samples: Quality[] = []
  phone.dial(ECHO_TEST)
  if (phone.get().line === 'idle') return null
  const talking = await until(phone, () => phone.get().line !== 'dialling', CONNECT_MS)
  if (!talking || phone.get().line !== 'talking') {
    phone.hangUp()
    return null
  }
  const stop = phone.subscribe(() => {
    const quality = phone.getQuality()
    if (quality && quality !== samples.at(-1)) samples.push(quality)
  })
  await until(phone, () => phone.get().line !== 'talking', MEASURE_MS)
  stop()
  phone.hangUp()
  return averageOf(samples)
}

export function averageOf(samples: Quality[]): Measured | null {
  if (samples.length === 0) return null
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
  const trips = samples.map((one) => one.roundTripMs).filter((trip) => trip !== null)
  return {
    loss_percent: mean(samples.map((one) => one.lossPercent)),
    jitter_ms: mean(samples.map((one) => one.jitterMs)),
    round_trip_ms: trips.length > 0 ? mean(trips) : null,
  }
}

/** Whether it came true in time. */
function until(phone: Phone, is: () => boolean, ms: number): Promise<boolean> {
  return new Promise((done) => {
    const finish = (came: boolean) => {
      clearTimeout(timer)
      stop()
      done(came)
    }
    const timer = setTimeout(() => finish(false), ms)
    const stop = phone.subscribe(() => {
      if (is()) finish(true)
    })
    if (is()) finish(true)
  })
}
