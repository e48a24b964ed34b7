/** Loss, jitter and delay of our own leg, from what the browser counts. */
export interface Quality {
  lossPercent: number
  jitterMs: number
  roundTripMs: number | null
}

export interface Counters {
  lost: number
  received: number
  jitterMs: number
  roundTripMs: number | null
}

type Row = Record<string, unknown>

const number = (value: unknown): number | null => (typeof value === 'number' ? value : null)

/** The audio we receive; the delay is what the far end reports, else that of the path. */
export function countersOf(rows: Iterable<Row>): Counters | null {
  let counters: Counters | null = null
  let reported: number | null = null
  let path: number | null = null
  for (const row of rows) {
    if (row['type'] === 'inbound-rtp' && row['kind'] === 'audio') {
      counters = {
        lost: number(row['packetsLost']) ?? 0,
        received: number(row['packetsReceived']) ?? 0,
        jitterMs: 1_000 * (number(row['jitter']) ?? 0),
        roundTripMs: null,
      }
    } else if (row['type'] === 'remote-inbound-rtp') {
      reported = number(row['roundTripTime']) ?? reported
    } else if (row['type'] === 'candidate-pair' && row['nominated'] === true) {
      path = number(row['currentRoundTripTime']) ?? path
    }
  }
  if (!counters) return null
  const seconds = reported ?? path
  return { ...counters, roundTripMs: seconds === null ? null : 1_000 * seconds }
}

/** What happened between two looks; the whole call's loss would hide a bad minute. */
export function qualityBetween(before: Counters | null, after: Counters): Quality {
  const lost = Math.max(0, after.lost - (before?.lost ?? 0))
  const received = Math.max(0, after.received - (before?.received ?? 0))
  const sent = lost + received
  return {
    lossPercent: sent > 0 ? (100 * lost) / sent : 0,
    jitterMs: after.jitterMs,
    roundTripMs: after.roundTripMs,
  }
}

export function verdict({ lossPercent, jitterMs, roundTripMs }: Quality): 'good' | 'fair' | 'poor' {
  if (lossPercent > 5 || jitterMs > 60 || (roundTripMs ?? 0) > 400) return 'poor'
  if (lossPercent > 1 || jitterMs > 30 || (roundTripMs ?? 0) > 200) return 'fair'
  return 'good'
}

/** What a jitter buffer and a frame add to the way, as far as a browser tells. */
const BUFFERED_MS = 60

/** Mean opinion score of the E-model (ITU-T G.107) for G.711; the server judges its side by the same. */
export function estimate({ lossPercent, roundTripMs }: Quality): number {
  const delay = (roundTripMs ?? 0) / 2 + BUFFERED_MS
  const late = 0.024 * delay + 0.11 * Math.max(0, delay - 177.3)
  const r = Math.max(0, 93.2 - (95 * lossPercent) / (lossPercent + 25.1) - late)
  return Math.max(1, 1 + 0.035 * r + r * (r - 60) * (100 - r) * 7e-6)
}
