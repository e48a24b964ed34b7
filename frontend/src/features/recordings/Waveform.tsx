import { SegmentedControl } from '@mantine/core'
import { useEffect, useRef, useState } from 'react'
import { useWords } from '../../i18n'
import { duration } from '../../ui/format'
import { peaksOf } from './waveform'

const PIECES = 240
const SPEEDS = ['0.75', '1', '1.25', '1.5', '2']
const STEP_SECONDS = 5

/** The sound with its shape: caller above, agent below. Clicks and arrow keys go to a place in it. */
export function Waveform({ sound, url, time }: { sound: Blob; url: string; time: string }) {
  const { t } = useWords()
  const audio = useRef<HTMLAudioElement>(null)
  const [peaks, setPeaks] = useState<number[][]>([])
  const [at, setAt] = useState(0)
  const [length, setLength] = useState(0)
  const [speed, setSpeed] = useState('1')
  useEffect(() => {
    void sound.arrayBuffer().then((file) => setPeaks(peaksOf(file, PIECES)))
  }, [sound])
  useEffect(() => {
    if (audio.current) audio.current.playbackRate = Number(speed)
  }, [speed])
  const go = (seconds: number) => {
    if (audio.current) audio.current.currentTime = Math.max(0, Math.min(length, seconds))
  }
  return (
    <div className="waveform">
      {peaks.length > 0 ? (
        <div
          role="slider" tabIndex={0} aria-label={t('recordings.place', { time })} aria-valuemin={0} aria-valuemax={Math.round(length)} aria-valuenow={Math.round(at)} aria-valuetext={duration(1_000 * at)}
          onClick={(event) => {
            const box = event.currentTarget.getBoundingClientRect()
            go(((event.clientX - box.left) / box.width) * length)
          }}
          onKeyDown={(event) => {
            if (event.key !== 'ArrowRight' && event.key !== 'ArrowLeft') return
            event.preventDefault()
            go(at + (event.key === 'ArrowRight' ? STEP_SECONDS : -STEP_SECONDS))
          }}
        >
          <svg viewBox={`0 0 ${PIECES} ${20 * peaks.length}`} preserveAspectRatio="none" aria-hidden>
            {/* The root, for speech is rarely a tenth as loud as it could be. */}
            {peaks.map((side, channel) => side.map((peak, piece) => {
              const tall = Math.max(0.6, 19 * Math.sqrt(peak))
              const played = length > 0 && piece / PIECES < at / length
              return <rect key={`${channel}.${piece}`} x={piece} width={0.7} y={20 * channel + 10 - tall / 2} height={tall} data-played={played || undefined} />
            }))}
          </svg>
        </div>
      ) : null}
      <audio
        ref={audio} className="hears" src={url} controls autoPlay aria-label={t('recordings.player', { time })}
        onTimeUpdate={(event) => setAt(event.currentTarget.currentTime)}
        onLoadedMetadata={(event) => setLength(event.currentTarget.duration)}
      />
      <SegmentedControl size="xs" value={speed} onChange={setSpeed} aria-label={t('recordings.speed')} data={SPEEDS.map((value) => ({ value, label: `${value}×` }))} />
    </div>
  )
}
