import { Collapse, UnstyledButton } from '@mantine/core'
import { IconChevronDown, IconChevronRight } from '@tabler/icons-react'
import { useState } from 'react'
import { useContacts } from '../../api/queries'
import type { Choice, Contact, LiveCall } from '../../api/types'
import { useWords, type Key, type Words } from '../../i18n'
import { duration } from '../../ui/format'
import { useNow } from '../../ui/useNow'
import { useTimes } from '../calls/parts'

/** What is known of who calls, while it rings and after: queue, wait, choices, earlier contacts. */
export function CallerFacts({ call, ringing }: { call: LiveCall; ringing: boolean }) {
  const words = useWords()
  const { t } = words
  const now = useNow()
  const { data: contacts } = useContacts(call.id)
  const [open, setOpen] = useState(ringing)
  const wait = call.queued_at && ringing ? duration(now - Date.parse(call.queued_at)) : null
  const way = wayOf(call.choices, words)
  return (
    <div>
      <dl className="facts">
        {call.queue && !ringing ? <><dt>{t('queues.name')}</dt><dd>{call.queue}</dd></> : null}
        {wait ? <><dt>{t('caller.waits')}</dt><dd>{wait}</dd></> : null}
        {way ? <><dt>{t('caller.way')}</dt><dd>{way}</dd></> : null}
      </dl>
      {contacts === undefined ? null : contacts.length === 0 ? (
        <div className="soft">{t(noContactsOf(call))}</div>
      ) : (
        <section aria-label={t('caller.earlier')}>
          <UnstyledButton className="unfold" aria-expanded={open} onClick={() => setOpen(!open)}>
            {open ? <IconChevronDown size={15} aria-hidden /> : <IconChevronRight size={15} aria-hidden />}
            {t('caller.earlier')} ({contacts.length})
          </UnstyledButton>
          <Collapse expanded={open}>
            <ol className="contacts">{contacts.map((contact) => <Earlier key={contact.id} contact={contact} />)}</ol>
          </Collapse>
        </section>
      )}
    </div>
  )
}

function Earlier({ contact }: { contact: Contact }) {
  const { t } = useWords()
  const { moment } = useTimes()
  const became = contact.disposition ?? t(contact.answered_at && contact.agent_name ? 'caller.talked' : 'caller.missed')
  return (
    <li>
      <div><b>{moment(contact.started_at)}</b> · {contact.agent_name ?? t('caller.nobody')} · {became}</div>
      {contact.note ? <div className="soft contact-note">{contact.note}</div> : null}
    </li>
  )
}

/** Why there is nothing to be told of earlier contacts. */
export function noContactsOf({ direction, caller }: Pick<LiveCall, 'direction' | 'caller'>): Key {
  return direction === 'outbound' ? 'caller.first_to' : caller ? 'caller.first' : 'caller.withheld'
}

/** `pressed 1 → sales, pressed nothing → support`. */
export function wayOf(choices: Choice[], { t }: Pick<Words, 't'>): string {
  const pressed = ({ key }: Choice) =>
    key === 'timeout' ? t('caller.silent') : key === 'invalid' ? t('caller.invalid') : t('caller.pressed', { key })
  return choices.map((choice) => `${pressed(choice)} → ${choice.led_to}`).join(', ')
}
