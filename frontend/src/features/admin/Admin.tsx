import type { ComponentType } from 'react'
import { Link, Redirect, useLocation } from 'wouter'
import { useUser } from '../../api/useSession'
import { useWords, type Key } from '../../i18n'
import { Agents } from './Agents'
import { Dispositions } from './Dispositions'
import { Hours } from './Hours'
import { Numbers } from './Numbers'
import { Phones } from './Phones'
import { Queues } from './Queues'
import { Sounds } from './Sounds'
import { Trail } from './Trail'
import { Trunks } from './Trunks'
import { Users } from './Users'

interface Place {
  to: string
  name: Key
  page: ComponentType
  /** Not even seen by supervisors. */
  closed?: boolean
}

const PLACES: Place[] = [
  { to: '/admin/users', name: 'admin.users', page: Users, closed: true },
  { to: '/admin/agents', name: 'agents.title', page: Agents },
  { to: '/admin/queues', name: 'queues.title', page: Queues },
  { to: '/admin/numbers', name: 'admin.numbers', page: Numbers },
  { to: '/admin/trunks', name: 'admin.trunks', page: Trunks },
  { to: '/admin/phones', name: 'admin.phones', page: Phones },
  { to: '/admin/sounds', name: 'admin.sounds', page: Sounds },
  { to: '/admin/hours', name: 'admin.hours', page: Hours },
  { to: '/admin/dispositions', name: 'admin.dispositions', page: Dispositions },
  { to: '/admin/trail', name: 'admin.trail', page: Trail, closed: true },
]

/** What administrators set up, and supervisors look at. */
export function Admin() {
  const { t } = useWords()
  const { role } = useUser()
  const [path] = useLocation()
  const places = PLACES.filter((place) => !place.closed || role === 'administrator')
  const here = places.find((place) => place.to === path)
  if (!here) return <Redirect to={places[0]!.to} replace />
  return (
    <div className="admin">
      <nav aria-label={t('nav.admin')} className="sections">
        {places.map(({ to, name }) => <Link key={to} href={to} aria-current={to === path ? 'page' : undefined}>{t(name)}</Link>)}
      </nav>
      <div className="section"><here.page key={here.to} /></div>
    </div>
  )
}
