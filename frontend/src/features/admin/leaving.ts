import { useEffect, useRef } from 'react'

/** Nobody leaves changes behind unasked: not by the back button, and not by closing the tab. */
export function useKeptChanges(hasChanges: boolean, ask: () => void): void {
  const asking = useRef(ask)
  asking.current = ask
  useEffect(() => {
    if (!hasChanges) return
    const here = location.href
    const unload = (event: BeforeUnloadEvent) => event.preventDefault()
    const back = (event: PopStateEvent) => {
      if (location.href === here) return
      // Before the router hears of it: the page stays where it is.
      event.stopImmediatePropagation()
      history.pushState(null, '', here)
      asking.current()
    }
    addEventListener('beforeunload', unload)
    addEventListener('popstate', back, { capture: true })
    return () => {
      removeEventListener('beforeunload', unload)
      removeEventListener('popstate', back, { capture: true })
    }
  }, [hasChanges])
}
