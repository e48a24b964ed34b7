import { useMemo, useSyncExternalStore } from 'react'
import { de } from './de'
import { en, type Key } from './en'

export type { Key } from './en'
export type Language = 'en' | 'de'
type Values = Record<string, string | number>

const CATALOGUES: Record<Language, Record<Key, string>> = { en, de }
const STORED = 'murima.language'
const listeners = new Set<() => void>()
let language: Language = initial()

function initial(): Language {
  const stored = globalThis.localStorage?.getItem(STORED)
  if (stored === 'en' || stored === 'de') return stored
  return globalThis.navigator?.language?.startsWith('de') ? 'de' : 'en'
}

export function translate(to: Language, key: Key, values: Values = {}): string {
  return CATALOGUES[to][key].replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole))
}

/** Words of the server, such as a state or a cause: those we know are translated. */
export function translateKnown(to: Language, family: string, word: string): string {
  const key = `${family}.${word}`
  return key in en ? translate(to, key as Key) : word.replaceAll('_', ' ')
}

/** Null for what the catalogue does not have. */
export function translateIf(to: Language, key: string, values: Values = {}): string | null {
  return key in en ? translate(to, key as Key, values) : null
}

export function chooseLanguage(chosen: Language): void {
  language = chosen
  localStorage.setItem(STORED, chosen)
  for (const listener of listeners) listener()
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

export interface Words {
  language: Language
  t: (key: Key, values?: Values) => string
  known: (family: string, word: string) => string
}

export function useWords(): Words {
  const chosen = useSyncExternalStore(subscribe, () => language)
  return useMemo(
    () => ({
      language: chosen,
      t: (key, values) => translate(chosen, key, values),
      known: (family, word) => translateKnown(chosen, family, word),
    }),
    [chosen],
  )
}
