import { useWords } from '../i18n'

export interface Figures {
  verdict: 'good' | 'fair' | 'poor'
  lossPercent: number
  jitterMs: number
  roundTripMs: number | null
  mos: number
}

const LOOKS = {
  good: { tone: 'var(--ok)', shape: 'dot' },
  fair: { tone: 'var(--warn)', shape: 'bar' },
  poor: { tone: 'var(--busy)', shape: 'ring' },
}

/** How a line sounds, in a word and in figures; `whose` where several are meant. */
export function QualityMark({ of, whose }: { of: Figures; whose?: string }) {
  const { t } = useWords()
  const { tone, shape } = LOOKS[of.verdict]
  const figures = t('quality.figures', {
    loss: of.lossPercent.toFixed(1),
    jitter: Math.round(of.jitterMs),
    rtt: of.roundTripMs === null ? '–' : Math.round(of.roundTripMs),
    mos: of.mos.toFixed(1),
  })
  return (
    <div className="quality">
      <span className="state" data-shape={shape} style={{ ['--tone' as string]: tone }}>
        <span>{t(`phone.quality.${of.verdict}`)}{whose ? <span className="soft"> · {whose}</span> : null}</span>
      </span>
      <div className="soft figures">{figures}</div>
    </div>
  )
}
