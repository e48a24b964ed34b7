import { Tooltip } from '@mantine/core'
import type { Queue } from '../../api/types'
import { useWords, type Words } from '../../i18n'

/** Whether it is worth an alarm: half a dozen calls say little. */
export function missesTarget(queue: Queue): boolean {
  return queue.service_level !== null && queue.service_level < queue.service_level_target
}

/** Percent and the sign that says the same as its colour; the formula is behind it. */
export function levelOf(queue: Queue): string {
  return queue.service_level === null ? '–' : `${Math.floor(queue.service_level)} %`
}

export function formulaOf(queue: Queue, { t }: Pick<Words, 't'>): string {
  return t('queues.level.formula', {
    seconds: queue.service_level_seconds,
    short: queue.short_abandon_seconds,
    target: queue.service_level_target,
    in_time: queue.answered_in_time,
    counted: queue.answered + queue.abandoned - queue.abandoned_short,
  })
}

export function ServiceLevel({ queue }: { queue: Queue }) {
  const words = useWords()
  const { t } = words
  const misses = missesTarget(queue)
  return (
    <Tooltip label={formulaOf(queue, words)} multiline w={300} withArrow events={{ hover: true, focus: true, touch: true }}>
      <button type="button" className={misses ? 'rowbutton alarm' : 'rowbutton'}>
        {misses ? <span role="img" aria-label={t('queues.level.missed')}>▼ </span> : null}
        {levelOf(queue)}
        <span className="soft wide"> / {queue.service_level_seconds} s</span>
      </button>
    </Tooltip>
  )
}
