import { VisuallyHidden } from '@mantine/core'
import { IconHeadset, IconPhone, IconPlayerPlay, IconSettings, IconUsers } from '@tabler/icons-react'
import { useEffect, useRef, type ReactNode } from 'react'
import { Link, useLocation } from 'wouter'
import { supervises, useUser } from '../../api/useSession'
import { useWords, type Key } from '../../i18n'
import type { FeedStatus } from '../../live/feed'
import { Broken } from '../../ui/Broken'
import { HelpAlerts } from '../supervisor/HelpAlerts'
import { OwnState } from './OwnState'
import { UserMenu } from './UserMenu'

interface Place {
  to: string
  name: Key
  icon: typeof IconPhone
}

const DESK: Place = { to: '/desk', name: 'nav.desk', icon: IconHeadset }
const CONSOLE: Place = { to: '/supervisor', name: 'nav.supervisor', icon: IconUsers }
const CALLS: Place = { to: '/calls', name: 'nav.calls', icon: IconPhone }
const RECORDINGS: Place = { to: '/recordings', name: 'nav.recordings', icon: IconPlayerPlay }
const ADMIN: Place = { to: '/admin', name: 'nav.admin', icon: IconSettings }

export function Shell({ feed, children }: { feed: FeedStatus; children: ReactNode }) {
  const { t } = useWords()
  const { role } = useUser()
  const [path] = useLocation()
  const content = useRef<HTMLElement>(null)
  const first = useRef(true)
  const places = role === 'viewer'
    ? [CONSOLE, CALLS]
    : supervises(role) ? [CONSOLE, DESK, CALLS, RECORDINGS, ADMIN] : [DESK, CALLS, RECORDINGS]
  const here = places.find(({ to }) => path === to || path.startsWith(`${to}/`))

  useEffect(() => {
    document.title = here ? `${t(here.name)} · ${t('app.name')}` : t('app.name')
    // Who moved to another page by keyboard goes on from its beginning.
    if (!first.current) content.current?.focus()
    first.current = false
  }, [here, t])

  const links = places.map(({ to, name, icon: Icon }) => (
    <Link key={to} href={to} aria-current={to === here?.to ? 'page' : undefined}>
      <Icon size={18} aria-hidden /> {t(name)}
    </Link>
  ))

  return (
    <div className="shell">
      <a className="skip" href="#content" onClick={(event) => { event.preventDefault(); content.current?.focus() }}>
        {t('app.skip')}
      </a>
      <header className="top">
        <div className="brand"><img src="/icon.svg" alt={t('app.name')} /> <span aria-hidden>{t('app.name')}</span></div>
        <nav className="nav" aria-label={t('nav.main')}>{links}</nav>
        <div className="grow" />
        <FeedMark status={feed} />
        <OwnState />
        <UserMenu />
      </header>
      <div role="status">
        {feed === 'offline' ? <div className="offline">{t('feed.offline.hint')}</div> : null}
      </div>
      {supervises(role) ? <HelpAlerts /> : null}
      <main className="content" id="content" tabIndex={-1} ref={content}>
        {here ? <VisuallyHidden component="h1">{t(here.name)}</VisuallyHidden> : null}
        <Broken text={t('error.page')} key={path}>{children}</Broken>
      </main>
      <nav className="nav bottom" aria-label={t('nav.main')}>{links}</nav>
    </div>
  )
}

function FeedMark({ status }: { status: FeedStatus }) {
  const { t } = useWords()
  const tone = { live: 'var(--ok)', connecting: 'var(--warn)', offline: 'var(--busy)' }[status]
  return (
    <span className="state wide" data-shape={status === 'live' ? 'dot' : 'ring'} style={{ ['--tone' as string]: tone }} data-feed={status}>
      {t(`feed.${status}`)}
    </span>
  )
}
