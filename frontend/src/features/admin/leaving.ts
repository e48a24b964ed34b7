import { useEffect, useRef } from 'react'

interface Guarded {
  here: string
  ask: () => void
}

let guarded: Guarded | null = null

// From the very beginning: of a window's listeners the first is called first, and the router must
// not hear of a step back that is not taken.
globalThis.addEventListener?.('popstate', (event) => {
  if (!guarded || location.href === guarded.here) return
  event.stopImmediatePropagation()
  history.pushState(null, '', guarded.here)
  guarded.ask()
})

/** Nobody leaves changes behind unasked: not by the back button, and not by closing the tab. */
export function useKeptChanges(hasChanges: boolean, ask: () => void): void {
  const asking = useRef(ask)
  asking.current = ask
  useEffect(() => {
    if (!hasChanges) return
    const unload = (event: BeforeUnloadEvent) => event.preventDefault()
    guarded = { here: location.href, ask: () => asking.current() }
    addEventListener('beforeunload', unload)
    return () => {
      guarded = null
      removeEventListener('beforeunload', unload)
    }
  }, [hasChanges])
}
