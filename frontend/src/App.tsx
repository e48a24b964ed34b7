import { Loader } from '@mantine/core'
import { useEffect } from 'react'
import { Redirect, Route, Switch } from 'wouter'
import { supervises, useSession, useUser } from './api/useSession'
import { Console } from './features/supervisor/Console'
import { Shell } from './features/shell/Shell'
import { SignIn } from './features/signin/SignIn'
import { useWords } from './i18n'
import { useFeed } from './live/useFeed'

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
  return (
    <Shell feed={feed}>
      <Switch>
        {supervises(role) || role === 'viewer' ? <Route path="/supervisor" component={Console} /> : null}
        <Route path="/" component={Console} />
        <Route><Redirect to="/" replace /></Route>
      </Switch>
    </Shell>
  )
}
