import { expect, test } from 'vitest'
import { peaksOf } from './waveform'

function wav(samples: number[], { channels = 1, bits = 16, claimed }: { channels?: number; bits?: number; claimed?: number } = {}): ArrayBuffer {
  const file = new ArrayBuffer(44 + 2 * samples.length)
  const view = new DataView(file)
  const write = (at: number, text: string) => [...text].forEach((letter, n) => view.setUint8(at + n, letter.charCodeAt(0)))
  write(0, 'RIFF')
  write(8, 'WAVEfmt ')
  view.setUint32(16, 16, true)
  view.setUint16(20, 1, true)
  view.setUint16(22, channels, true)
  view.setUint16(34, bits, true)
  write(36, 'data')
  view.setUint32(40, claimed ?? 2 * samples.length, true)
  samples.forEach((sample, n) => view.setInt16(44 + 2 * n, sample, true))
  return file
}

test('each side of a call has its own peaks', () => {
  expect(peaksOf(wav([16_384, 0, 0, -32_768], { channels: 2 }), 2)).toEqual([[0.5, 0], [0, 1]])
})

test('a file that was cut short is shown as far as it goes; another kind not at all', () => {
  expect(peaksOf(wav([8_192], { claimed: 4_000_000 }), 1)).toEqual([[0.25]])
  expect(peaksOf(wav([1], { bits: 8 }), 1)).toEqual([])
  expect(peaksOf(new ArrayBuffer(3), 1)).toEqual([])
})
