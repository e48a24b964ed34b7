import type { LiveCall, LiveLeg, LiveQuality } from '../../api/types'

const ORDER = { good: 0, fair: 1, poor: 2 }

/** The leg that sounds worst; nothing while none is measured. */
export function worstLeg(call: LiveCall): (LiveLeg & { quality: LiveQuality }) | undefined {
  const measured = call.legs.filter((leg): leg is LiveLeg & { quality: LiveQuality } => !!leg.quality)
  const badness = ({ quality }: { quality: LiveQuality }) => ORDER[quality.verdict] * 10 - quality.mos
  return measured.sort((a, b) => badness(b) - badness(a))[0]
}
