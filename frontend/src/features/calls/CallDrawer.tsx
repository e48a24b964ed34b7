import { Drawer, Loader, Stack } from '@mantine/core'
import { useCall, useTimeline } from '../../api/queries'
import type { CallDetail, Leg, Quality } from '../../api/types'
import { useWords } from '../../i18n'
import { duration, percent } from '../../ui/format'
import { Player } from '../recordings/Player'
import { callSeconds, Result, useTimes } from './parts'

export function CallDrawer({ id, close }: { id: string | null; close: () => void }) {
  const { t } = useWords()
  const { data: call } = useCall(id)
  return (
    <Drawer
      opened={id !== null} onClose={close} position="right" size="min(560px, 100%)"
      title={call ? t('call.from_to', { caller: call.caller || t('calls.anonymous'), called: call.called }) : t('call.title')}
      closeButtonProps={{ 'aria-label': t('call.close') }}
    >
      {id && call ? <Details call={call} /> : <Loader aria-label={t('app.loading')} />}
    </Drawer>
  )
}

function Details({ call }: { call: CallDetail }) {
  const { t, known } = useWords()
  const { moment, clock } = useTimes()
  return (
    <Stack gap="md">
      <div>
        {moment(call.started_at)} · {t(`direction.${call.direction}`)} · {callSeconds(call)} · <Result call={call} />
        {call.agent_name ? <> · {call.agent_name}</> : null}
      </div>
      {call.recordings.length > 0 ? (
        <section>
          <h3>{t('call.recordings')}</h3>
          {call.recordings.map((recording) => (
            <Player key={recording.id} id={recording.id} time={`${moment(call.started_at)}, ${known('recordings.kind', recording.kind)}`} />
          ))}
        </section>
      ) : null}
      <section>
        <h3>{t('call.legs')}</h3>
        {call.legs.map((leg) => <LegLine key={leg.id} leg={leg} />)}
      </section>
      {call.queue_visits.length > 0 ? (
        <section>
          <h3>{t('call.visits')}</h3>
          {call.queue_visits.map((visit) => (
            <div key={`${visit.queue_id}${visit.entered_at}`}>
              {clock(visit.entered_at)} {visit.queue ?? '–'}
              <span className="soft">
                {visit.result ? ` · ${known('visit', visit.result)}` : ''}
                {visit.waited_ms === null ? '' : ` · ${t('call.waited', { time: duration(visit.waited_ms) })}`}
              </span>
            </div>
          ))}
        </section>
      ) : null}
      <Timeline id={call.id} />
    </Stack>
  )
}

function LegLine({ leg }: { leg: Leg }) {
  const { t, known } = useWords()
  const q = leg.quality
  return (
    <div style={{ padding: '3px 0' }}>
      {known('role', leg.role)}: <b style={{ fontWeight: 600 }}>{leg.agent_name ?? (leg.party || t('calls.anonymous'))}</b>
      <span className="soft">
        {leg.codec ? ` · ${leg.codec}` : ''}
        {leg.cause ? ` · ${known('cause', leg.cause)}` : ''}
        {leg.sip_status ? ` (${leg.sip_status})` : ''}
      </span>
      {q ? (
        <div className="soft">
          {t('call.quality', { mos: q.mos.toFixed(1), lost: percent(q.packets_lost, q.packets_lost + q.packets_received), jitter: Math.round(q.jitter_ms) })}
        </div>
      ) : null}
    </div>
  )
}

/** Ids are for searching the log, not for reading. */
const HIDDEN = /(_id|_ids|^at)$/
const ID = /^[0-9a-f]{8}-[0-9a-f-]{27}$/

function Timeline({ id }: { id: string }) {
  const { t } = useWords()
  const { clock } = useTimes()
  const { data: events } = useTimeline(id)
  return (
    <section>
      <h3>{t('call.timeline')}</h3>
      <ol className="timeline">
        {events?.map((event, number) => (
          <li key={number}>
            <span className="soft">{clock(event.at)}</span>
            <span>
              {event.type.replace(/([a-z])([A-Z])/g, '$1 $2')} <code>{summary(event.data)}</code> <QualityOf data={event.data} />
            </span>
          </li>
        ))}
      </ol>
    </section>
  )
}

/** How a leg sounded stands where it ended. */
function QualityOf({ data }: { data: Record<string, unknown> }) {
  const { t } = useWords()
  const q = data['quality'] as Quality | null | undefined
  if (!q || typeof q !== 'object') return null
  return <div>{t('call.quality', { mos: q.mos.toFixed(1), lost: percent(q.packets_lost, q.packets_lost + q.packets_received), jitter: Math.round(q.jitter_ms) })}</div>
}

export function summary(data: Record<string, unknown>): string {
  return Object.entries(data)
    .filter(([name, value]) => !HIDDEN.test(name) && !ID.test(String(value)) && (typeof value === 'string' || typeof value === 'number') && value !== '')
    .map(([name, value]) => `${name}=${value}`)
    .join(' ')
}
