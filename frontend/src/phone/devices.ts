/** Microphones, speakers and what the person chose of them. */

export type Purpose = 'microphone' | 'speaker' | 'ringer'

const STORED: Record<Purpose, string> = {
  microphone: 'murima.microphone',
  speaker: 'murima.speaker',
  ringer: 'murima.ringer',
}

export function chosenDevice(purpose: Purpose): string | null {
  return localStorage.getItem(STORED[purpose]) || null
}

export function chooseDevice(purpose: Purpose, id: string | null): void {
  if (id) localStorage.setItem(STORED[purpose], id)
  else localStorage.removeItem(STORED[purpose])
}

export function audioConstraints(id: string | null): MediaTrackConstraints {
  const common = { echoCancellation: true, noiseSuppression: true, autoGainControl: true }
  // Not `exact`: a headset that was pulled out must not make the call impossible.
  return id ? { ...common, deviceId: { ideal: id } } : common
}

export type MicrophoneState = 'there' | 'missing' | 'denied' | 'insecure'

/** Ask for the microphone once and let it go again; devices have names only afterwards. */
export async function probeMicrophone(): Promise<MicrophoneState> {
  if (!navigator.mediaDevices) return 'insecure'
  try {
    const stream = await navigator.mediaDevices.getUserMedia({ audio: audioConstraints(chosenDevice('microphone')) })
    for (const track of stream.getTracks()) track.stop()
    return 'there'
  } catch (error) {
    return error instanceof DOMException && error.name === 'NotAllowedError' ? 'denied' : 'missing'
  }
}

/** Calls back whenever the microphone comes, goes, or the permission for it changes. */
export function watchMicrophone(told: (state: MicrophoneState) => void): () => void {
  const media = navigator.mediaDevices
  if (!media) {
    told('insecure')
    return () => {}
  }
  let watching = true
  let permission: PermissionStatus | null = null
  const look = async () => {
    if (permission?.state === 'denied') return told('denied')
    const devices = await media.enumerateDevices()
    if (watching) told(devices.some((device) => device.kind === 'audioinput') ? 'there' : 'missing')
  }
  const again = () => void look()
  media.addEventListener('devicechange', again)
  void (async () => {
    try {
      permission = await navigator.permissions.query({ name: 'microphone' as PermissionName })
      permission.addEventListener('change', again)
    } catch {
      // Some browsers do not tell; the call itself will.
    }
  })()
  return () => {
    watching = false
    media.removeEventListener('devicechange', again)
    permission?.removeEventListener('change', again)
  }
}

export async function listDevices(): Promise<MediaDeviceInfo[]> {
  return (await navigator.mediaDevices?.enumerateDevices()) ?? []
}

/** Level of a stream, 0 to 1, some times a second, until the returned function is called. */
export function meter(stream: MediaStream, told: (level: number) => void): () => void {
  const context = new AudioContext()
  const analyser = context.createAnalyser()
  analyser.fftSize = 1_024
  context.createMediaStreamSource(stream).connect(analyser)
  const samples = new Float32Array(analyser.fftSize)
  const timer = setInterval(() => {
    analyser.getFloatTimeDomainData(samples)
    told(levelOf(samples))
  }, 60)
  return () => {
    clearInterval(timer)
    void context.close()
  }
}

/** Loudness as it is heard: -60 dB is nothing, 0 dB is full. */
export function levelOf(samples: Float32Array): number {
  let sum = 0
  for (const sample of samples) sum += sample * sample
  const decibels = 10 * Math.log10(sum / samples.length + 1e-9)
  return Math.min(1, Math.max(0, (decibels + 60) / 60))
}
