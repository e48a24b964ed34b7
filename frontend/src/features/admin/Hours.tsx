import { ActionIcon, Button, TextInput } from '@mantine/core'
import { IconPlus, IconX } from '@tabler/icons-react'
import { useId } from 'react'
import type { Holiday, OpeningHours } from '../../api/adminTypes'
import { api } from '../../api/client'
import { useWords } from '../../i18n'
import { useTimes } from '../calls/parts'
import { Editor } from './Editor'
import { ChoiceField, Group, TextField } from './fields'
import { describedBy, useForm } from './form'
import { Opener, Section, useAll, useMayChange, useWholeList } from './Section'
import { another, DAYS, likeMonday, spansOf, type Times, type WeeklySpan } from './week'

export function Hours() {
  const { t } = useWords()
  const { moment } = useTimes()
  const list = useWholeList<OpeningHours>('/hours', (hours) => hours.name)
  return (
    <Section
      title={t('admin.hours')} hint={t('admin.hours.hint')} list={list} empty={t('admin.hours.none')} add={t('admin.hours.add')}
      keyOf={(hours) => hours.id}
      columns={(open) => [
        { name: t('admin.name'), cell: (hours) => <Opener text={hours.name} open={() => open(hours)} /> },
        { name: t('admin.hours.now'), cell: (hours) => <OpenNow hours={hours} /> },
        { name: t('admin.hours.until'), cell: (hours) => (hours.next_change_at ? moment(hours.next_change_at) : '–') },
        { name: t('admin.hours.zone'), className: 'wide', cell: (hours) => hours.zone },
      ]}
      editor={(hours, close) => <HoursForm hours={hours} close={close} />}
    />
  )
}

function OpenNow({ hours }: { hours: OpeningHours }) {
  const { t } = useWords()
  return (
    <span className="state" data-shape={hours.open_now ? 'dot' : 'ring'} style={{ ['--tone' as string]: hours.open_now ? 'var(--ok)' : 'var(--quiet)' }}>
      {t(hours.open_now ? 'admin.hours.open' : 'admin.hours.closed')}
    </span>
  )
}

function HoursForm({ hours, close }: { hours: OpeningHours | null; close: () => void }) {
  const { t } = useWords()
  const mayChange = useMayChange()
  const { data: zones = [] } = useAll<string>('/hours/zones', 3_600_000)
  const path = hours ? `/hours/${hours.id}` : '/hours'
  const initial = {
    name: hours?.name ?? '',
    zone: hours?.zone ?? Intl.DateTimeFormat().resolvedOptions().timeZone,
    weekly: hours?.weekly ?? DAYS.slice(0, 5).map((day): WeeklySpan => ({ day, opens: '09:00', closes: '17:00' })),
    holidays: hours?.holidays ?? ([] as Holiday[]),
  }
  // The one that is set must be there to be shown, even before the others have come.
  const known = zones.includes(initial.zone) ? zones : [initial.zone, ...zones]
  return (
    <Editor
      title={hours ? t('admin.hours.change', { name: hours.name }) : t('admin.hours.add')} initial={initial} readOnly={!mayChange} close={close}
      save={async (values) => void (await (hours ? api.put(path, values) : api.post(path, values)))}
      {...(hours ? { remove: { question: t('admin.hours.remove', { name: hours.name }), run: () => api.delete(path) } } : {})}
    >
      {hours ? <OpenNow hours={hours} /> : null}
      <TextField name="name" label={t('admin.name')} hint={t('admin.hours.name.hint')} required />
      <ChoiceField name="zone" label={t('admin.hours.zone')} choices={known.map((zone) => ({ value: zone, label: zone.replaceAll('_', ' ') }))} />
      <Week />
      <Holidays />
    </Editor>
  )
}

function Week() {
  const { t } = useWords()
  const { values, set, problemOf, readOnly } = useForm()
  const weekly = values['weekly'] as WeeklySpan[]
  return (
    <Group title={t('admin.hours.week')}>
      <div className="hint">{t('admin.hours.week.hint')}</div>
      <div className="week">
        {DAYS.map((day) => {
          const spans = spansOf(weekly, day)
          const name = t(`admin.day.${day}`)
          return (
            <div key={day} className="day" role="group" aria-label={name}>
              <span className="day-name">{name}</span>
              <div className="spans">
                {spans.length === 0 ? <span className="soft closed">{t('admin.hours.closed')}</span> : null}
                {spans.map(({ span, place }, number) => (
                  <SpanRow
                    key={place} span={span} label={`${name} ${number + 1}`} problem={problemOf(`weekly.${place}`)}
                    change={(times) => set('weekly', weekly.map((one, at) => (at === place ? { ...one, ...times } : one)))}
                    remove={() => set('weekly', weekly.filter((_, at) => at !== place))}
                  />
                ))}
              </div>
              {readOnly ? null : (
                <ActionIcon variant="subtle" size={30} aria-label={t('admin.hours.span.add', { day: name })} onClick={() => set('weekly', [...weekly, { day, ...another(spans.map(({ span }) => span)) }])}>
                  <IconPlus size={16} aria-hidden />
                </ActionIcon>
              )}
            </div>
          )
        })}
      </div>
      {readOnly ? null : <Button size="xs" variant="default" style={{ alignSelf: 'start' }} onClick={() => set('weekly', likeMonday(weekly))}>{t('admin.hours.like_monday')}</Button>}
    </Group>
  )
}

function Holidays() {
  const { t } = useWords()
  const { values, set, problemOf, readOnly } = useForm()
  const holidays = values['holidays'] as Holiday[]
  const change = (place: number, holiday: Partial<Holiday>) => set('holidays', holidays.map((one, at) => (at === place ? { ...one, ...holiday } : one)))
  return (
    <Group title={t('admin.hours.holidays')}>
      <div className="hint">{t('admin.hours.holidays.hint')}</div>
      {holidays.map(({ date, name, spans }, place) => {
        const called = name || date || String(place + 1)
        const problem = problemOf(`holidays.${place}`)
        return (
          <div key={place} className="holiday" role="group" aria-label={called}>
            <TextInput type="date" aria-label={t('admin.hours.date')} value={date} readOnly={readOnly} error={problem} onChange={(event) => change(place, { date: event.currentTarget.value })} />
            <TextInput aria-label={t('admin.hours.holiday')} placeholder={t('admin.hours.holiday')} value={name} readOnly={readOnly} maxLength={80} onChange={(event) => change(place, { name: event.currentTarget.value })} />
            {readOnly ? null : (
              <ActionIcon variant="subtle" color="red" size={34} aria-label={t('admin.hours.holiday.remove', { name: called })} onClick={() => set('holidays', holidays.filter((_, at) => at !== place))}>
                <IconX size={16} aria-hidden />
              </ActionIcon>
            )}
            <div className="spans">
              {spans.length === 0 ? <span className="soft closed">{t('admin.hours.closed')}</span> : null}
              {spans.map((span, number) => (
                <SpanRow
                  key={number} span={span} label={`${called} ${number + 1}`} problem={null}
                  change={(times) => change(place, { spans: spans.map((one, at) => (at === number ? { ...one, ...times } : one)) })}
                  remove={() => change(place, { spans: spans.filter((_, at) => at !== number) })}
                />
              ))}
              {readOnly ? null : (
                <Button size="compact-xs" variant="subtle" leftSection={<IconPlus size={13} aria-hidden />} style={{ alignSelf: 'start' }} onClick={() => change(place, { spans: [...spans, another(spans)] })}>
                  {t('admin.hours.holiday.open')}
                </Button>
              )}
            </div>
          </div>
        )
      })}
      {readOnly ? null : (
        <Button size="xs" variant="default" leftSection={<IconPlus size={14} aria-hidden />} style={{ alignSelf: 'start' }} onClick={() => set('holidays', [...holidays, { date: '', name: '', spans: [] }])}>
          {t('admin.hours.holiday.add')}
        </Button>
      )}
    </Group>
  )
}

interface SpanProps {
  span: Times
  label: string
  problem: string | null
  change: (times: Partial<Times>) => void
  remove: () => void
}

function SpanRow({ span, label, problem, change, remove }: SpanProps) {
  const { t } = useWords()
  const { readOnly } = useForm()
  const id = useId()
  const described = describedBy(problem === null ? null : id)
  return (
    <div>
      <div className="span">
        <TextInput type="time" size="xs" aria-label={t('admin.hours.opens', { day: label })} value={span.opens} readOnly={readOnly} error={problem !== null} {...described} onChange={(event) => change({ opens: event.currentTarget.value })} />
        <span aria-hidden>–</span>
        <TextInput type="time" size="xs" aria-label={t('admin.hours.closes', { day: label })} value={span.closes} readOnly={readOnly} error={problem !== null} {...described} onChange={(event) => change({ closes: event.currentTarget.value })} />
        {readOnly ? null : (
          <ActionIcon variant="subtle" color="red" size={30} aria-label={t('admin.hours.span.remove', { day: label })} onClick={remove}>
            <IconX size={15} aria-hidden />
          </ActionIcon>
        )}
      </div>
      {problem ? <div id={id} className="problem">{problem}</div> : null}
    </div>
  )
}
