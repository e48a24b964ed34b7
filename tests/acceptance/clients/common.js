// What both clients do with sound: a microphone left as it is, and an ear for the loudest tone.

export const microphone = {
  echoCancellation: false,
  noiseSuppression: false,
  autoGainControl: false,
}

let analyser
let context

export function hear(stream) {
  context = new AudioContext()
  analyser = context.createAnalyser()
  analyser.fftSize = 8192
  context.createMediaStreamSource(stream).connect(analyser)
  const player = new Audio()
  player.srcObject = stream
  player.play()
}

/** In Hz; 0 for silence. */
export function loudest() {
  if (!analyser) return 0
  const bins = new Float32Array(analyser.frequencyBinCount)
  analyser.getFloatFrequencyData(bins)
  let best = 0
  for (let at = 0; at < bins.length; at++) if (bins[at] > bins[best]) best = at
  return bins[best] < -80 ? 0 : (best * context.sampleRate) / analyser.fftSize
}
