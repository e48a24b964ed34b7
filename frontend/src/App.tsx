import { Loader } from '@mantine/core'
import { useEffect } from 'react'
import { Redirect, Route, Switch, useLocation } from 'wouter'
import { supervises, useSession, useUser } from './api/useSession'
import { Admin } from './features/admin/Admin'
import { CallsPage } from './features/calls/CallsPage'
import { CallElsewhere } from './features/desk/CallElsewhere'
import { Desk } from './features/desk/Desk'
import { RecordingsPage } from './features/recordings/RecordingsPage'
import { Console } from './features/supervisor/Console'
import { Wallboard } from './features/wallboard/Wallboard'
import { Shell } from './features/shell/Shell'
import { SignIn } from './features/signin/SignIn'
import { useWords } from './i18n'
import { useFeed } from './live/useFeed'
import { PhoneProvider } from './phone/PhoneProvider'

export function App() {
  const { t, language } = useWords()
  const state = useSession()
  useEffect(() => {
    document.documentElement.lang = language
  }, [language])
  if (state.status === 'unknown') {
    return <div className="signin"><main><Loader aria-label={t('signin.waiting')} /></main></div>
  }
  if (state.status === 'out') return <SignIn expired={state.because === 'expired'} />
  return <Inside key={state.user.id} />
}

function Inside() {
  const feed = useFeed()
  const { role } = useUser()
  const [path] = useLocation()
  // A screen on a wall is nobody's phone.
  if (path === '/wallboard' && role !== 'agent') return <Wallboard feed={feed} />
  return (
    <PhoneProvider>
      <Shell feed={feed}>
        <Switch>
          {role === 'viewer' ? null : <Route path="/desk" component={Desk} />}
          {role === 'agent' ? null : <Route path="/supervisor" component={Console} />}
          <Route path="/calls" component={CallsPage} />
          {role === 'viewer' ? null : <Route path="/recordings" component={RecordingsPage} />}
          {supervises(role) ? <Route path="/admin/*?" component={Admin} /> : null}
          <Route><Redirect to={role === 'agent' ? '/desk' : '/supervisor'} replace /></Route>
        </Switch>
      </Shell>
      <CallElsewhere />
    </PhoneProvider>
  )
}
