/** Loudest sample of each piece, 0 to 1, for every channel of a 16-bit WAV; empty for other files. */
export function peaksOf(file: ArrayBuffer, pieces: number): number[][] {
  const view = new DataView(file)
  const name = (at: number) => String.fromCharCode(view.getUint8(at), view.getUint8(at + 1), view.getUint8(at + 2), view.getUint8(at + 3))
  if (file.byteLength < 44 || name(0) !== 'RIFF' || name(8) !== 'WAVE') return []
  let channels = 0
  for (let at = 12; at + 8 <= file.byteLength; ) {
    const size = view.getUint32(at + 4, true)
    if (name(at) === 'fmt ' && at + 24 <= file.byteLength) {
      if (view.getUint16(at + 8, true) !== 1 || view.getUint16(at + 22, true) !== 16) return []
      channels = view.getUint16(at + 10, true)
    } else if (name(at) === 'data') {
      if (channels < 1 || channels > 8) return []
      // The size of a file that was cut short may be more than there is.
      const bytes = Math.min(size, file.byteLength - at - 8)
      return peaks(view, at + 8, Math.floor(bytes / (2 * channels)), channels, pieces)
    }
    at += 8 + size + (size % 2)
  }
  return []
}

function peaks(view: DataView, start: number, frames: number, channels: number, pieces: number): number[][] {
  const found = Array.from({ length: channels }, () => new Array<number>(pieces).fill(0))
  for (let frame = 0; frame < frames; frame += 1) {
    const piece = Math.floor((frame * pieces) / frames)
    for (let channel = 0; channel < channels; channel += 1) {
      const loud = Math.abs(view.getInt16(start + 2 * (frame * channels + channel), true)) / 32_768
      if (loud > found[channel]![piece]!) found[channel]![piece] = loud
    }
  }
  return found
}
