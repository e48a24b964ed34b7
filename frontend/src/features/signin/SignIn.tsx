import { Alert, Button, PasswordInput, Stack, TextInput } from '@mantine/core'
import { useState, type FormEvent } from 'react'
import { ApiError } from '../../api/error'
import { session } from '../../api/session'
import { useWords } from '../../i18n'
import { errorText } from '../../ui/notices'

export function SignIn({ expired }: { expired: boolean }) {
  const words = useWords()
  const { t } = words
  const [login, setLogin] = useState('')
  const [password, setPassword] = useState('')
  const [error, setError] = useState<unknown>(null)
  const [busy, setBusy] = useState(false)

  const submit = async (event: FormEvent) => {
    event.preventDefault()
    setBusy(true)
    setError(null)
    try {
      await session.signIn(login.trim(), password)
    } catch (refused) {
      setError(refused)
      setBusy(false)
    }
  }

  return (
    <div className="signin">
      <main>
        <form onSubmit={submit} className="panel" style={{ padding: 24 }}>
          <Stack gap="md">
            <div className="brand"><img src="/icon.svg" alt="" /> <b>{t('app.name')}</b></div>
            <h1>{t('signin.title')}</h1>
            {expired && !error ? <Alert color="yellow" variant="outline">{t('signin.expired')}</Alert> : null}
            {error ? <Alert color="red" variant="outline" role="alert">{refusal(error)}</Alert> : null}
            <TextInput
              label={t('signin.login')} name="login" autoComplete="username" required autoFocus
              withAsterisk={false} autoCapitalize="none" spellCheck={false} maxLength={80}
              value={login} onChange={(event) => setLogin(event.currentTarget.value)}
            />
            <PasswordInput
              label={t('signin.password')} name="password" autoComplete="current-password" required
              withAsterisk={false} maxLength={256} visibilityToggleButtonProps={{ 'aria-label': t('signin.show_password') }}
              value={password} onChange={(event) => setPassword(event.currentTarget.value)}
            />
            <Button type="submit" loading={busy} size="md">{t('signin.submit')}</Button>
          </Stack>
        </form>
      </main>
    </div>
  )

  function refusal(refused: unknown): string {
    if (refused instanceof ApiError && refused.status === 401) return t('signin.wrong')
    if (refused instanceof ApiError && refused.status === 429) return t('signin.slow')
    return errorText(refused, words)
  }
}
