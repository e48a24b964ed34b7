import { expect, test } from 'vitest'
import { another, likeMonday, spansOf, type WeeklySpan } from './week'

const span = (day: WeeklySpan['day'], opens: string, closes: string): WeeklySpan => ({ day, opens, closes })

test('the spans of a day keep the places by which the server names them', () => {
  const weekly = [span('tuesday', '09:00', '12:00'), span('monday', '08:00', '10:00'), span('tuesday', '13:00', '17:00')]
  expect(spansOf(weekly, 'tuesday').map(({ place }) => place)).toEqual([0, 2])
})

test('a further span begins where the last one ends, and none goes past midnight', () => {
  expect(another([])).toEqual({ opens: '09:00', closes: '17:00' })
  expect(another([{ opens: '09:00', closes: '12:30' }])).toEqual({ opens: '12:30', closes: '15:30' })
  expect(another([{ opens: '09:00', closes: '22:15' }])).toEqual({ opens: '22:15', closes: '00:00' })
})

test('the working days become like Monday, the weekend stays', () => {
  const weekly = [span('monday', '09:00', '12:00'), span('monday', '13:00', '17:00'), span('friday', '08:00', '09:00'), span('saturday', '10:00', '11:00')]
  const made = likeMonday(weekly)
  for (const day of ['tuesday', 'wednesday', 'thursday', 'friday'] as const) {
    expect(spansOf(made, day).map(({ span: { opens, closes } }) => `${opens}-${closes}`)).toEqual(['09:00-12:00', '13:00-17:00'])
  }
  expect(spansOf(made, 'saturday')).toHaveLength(1)
  expect(spansOf(made, 'monday')).toHaveLength(2)
  expect(spansOf(made, 'sunday')).toHaveLength(0)
})
