import { expect, test } from 'vitest'
import { de } from './de'
import { en, type Key } from './en'
import { translate, translateKnown } from './index'

const places = (text: string) => [...text.matchAll(/\{\w+\}/g)].map(String).sort()

test('a translation has the places of the original, and no text is empty', () => {
  for (const key of Object.keys(en) as Key[]) {
    expect(places(de[key]), key).toEqual(places(en[key]))
    expect(de[key].trim(), key).not.toBe('')
  }
  expect(Object.keys(de).sort()).toEqual(Object.keys(en).sort())
})

test('values are filled in, and an unknown word of the server is shown as it is', () => {
  expect(translate('de', 'wrapup.left', { seconds: 4 })).toBe('noch 4 s')
  expect(translateKnown('en', 'cause', 'no_answer')).toBe('No answer')
  expect(translateKnown('en', 'reason', 'dentist_visit')).toBe('dentist visit')
})
