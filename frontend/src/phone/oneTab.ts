/** Of all tabs of one browser exactly one is the phone: who holds the lock. */

const LOCK = 'murima-phone'

export interface Turn {
  /** Take it from the tab that has it. */
  take: () => void
  stop: () => void
}

export function waitForTurn(user: string, gained: () => void, lost: () => void): Turn {
  // Without locks, as on a page that came over plain http, there is nothing to go by.
  if (!('locks' in navigator)) {
    gained()
    return { take: () => {}, stop: () => {} }
  }
  const name = `${LOCK}-${user}`
  const stopped = new AbortController()
  let release: (() => void) | null = null

  const hold = () =>
    new Promise<void>((done) => {
      release = done
      gained()
    })

  const request = async (options: LockOptions) => {
    try {
      await navigator.locks.request(name, options, hold)
    } catch {
      // Stolen by another tab, or we stopped waiting.
      if (release && !stopped.signal.aborted) {
        release = null
        lost()
        void request({ signal: stopped.signal })
      }
    }
  }
  void request({ signal: stopped.signal })
  return {
    take: () => {
      if (!release) void request({ steal: true })
    },
    stop: () => {
      stopped.abort()
      release?.()
    },
  }
}
