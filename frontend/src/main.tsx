import '@mantine/core/styles.css'
import './styles.css'
import { MantineProvider } from '@mantine/core'
import { MutationCache, QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { ApiError } from './api/error'
import { session } from './api/session'
import { App } from './App'
import { theme } from './theme'
import { Notices, notifyError } from './ui/notices'

const nonce = document.querySelector<HTMLMetaElement>('meta[property=csp-nonce]')?.nonce ?? ''
// What locks scrolling under a dialog writes a style of its own, and looks for the number here.
Object.assign(globalThis, { __webpack_nonce__: nonce })

const client = new QueryClient({
  mutationCache: new MutationCache({ onError: notifyError }),
  defaultOptions: {
    queries: {
      staleTime: 5_000,
      retry: (failures, error) => failures < 2 && !(error instanceof ApiError && error.status < 500 && error.status > 0),
    },
  },
})

session.subscribe(() => {
  // The next person on this machine must not see the data of the last one, not even for a moment.
  if (session.state.status === 'out') client.clear()
})
void session.renew(true)

createRoot(document.getElementById('root')!).render(
  <StrictMode>
    <MantineProvider theme={theme} defaultColorScheme="auto" getStyleNonce={() => nonce}>
      <QueryClientProvider client={client}>
        <App />
        <Notices />
      </QueryClientProvider>
    </MantineProvider>
  </StrictMode>,
)
