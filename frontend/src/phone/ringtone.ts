/** Ringing made on the spot: two soft tones, a second and a half, then a pause. */
export class Ringtone {
  #context: AudioContext | null = null
  #timer: ReturnType<typeof setInterval> | undefined

  start(device: string | null): void {
    this.stop()
    const context = new AudioContext()
    this.#context = context
    if (device && 'setSinkId' in context) {
      void (context.setSinkId as (id: string) => Promise<void>)(device).catch(() => {})
    }
    const once = () => ringOnce(context)
    once()
    this.#timer = setInterval(once, 3_500)
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
    void this.#context?.close()
    this.#context = null
  }
}

function ringOnce(context: AudioContext): void {
  const start = context.currentTime + 0.02
  for (let n = 0; n < 6; n += 1) {
    const at = start + n * 0.22
    const tone = context.createOscillator()
    const gain = context.createGain()
    tone.frequency.value = n % 2 === 0 ? 660 : 880
    gain.gain.setValueAtTime(0, at)
    gain.gain.linearRampToValueAtTime(0.18, at + 0.02)
    gain.gain.exponentialRampToValueAtTime(0.001, at + 0.21)
    tone.connect(gain).connect(context.destination)
    tone.start(at)
    tone.stop(at + 0.22)
  }
}
