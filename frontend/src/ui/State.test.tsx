import { renderToStaticMarkup } from 'react-dom/server'
import { expect, test, vi } from 'vitest'
import { Since } from './State'

vi.mock('./useNow', () => ({ useNow: () => Date.parse('2026-11-21T09:01:05Z') }))

test('a running time is no news with every second, also inside of what is read out at once', () => {
  const shown = renderToStaticMarkup(<Since at="2026-11-21T09:00:00Z" />)
  expect(shown).toBe('<span role="timer">1:05</span>')
})
