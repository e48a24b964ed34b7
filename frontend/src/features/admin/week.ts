export const DAYS = ['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday'] as const
export type Day = (typeof DAYS)[number]

export interface Times {
  opens: string
  closes: string
}

export interface WeeklySpan extends Times {
  day: Day
}

/** The spans of a day with their places in the whole list, by which the server names them. */
export function spansOf(weekly: readonly WeeklySpan[], day: Day): { span: WeeklySpan; place: number }[] {
  return weekly.map((span, place) => ({ span, place })).filter(({ span }) => span.day === day)
}

/** A further span begins where the last one ended. */
export function another<T extends Times>(spans: readonly T[]): Times {
  const last = spans.at(-1)
  if (!last) return { opens: '09:00', closes: '17:00' }
  const from = last.closes === '00:00' ? '23:00' : last.closes
  const hour = Number(from.slice(0, 2))
  return { opens: from, closes: hour >= 20 ? '00:00' : `${String(hour + 3).padStart(2, '0')}${from.slice(2)}` }
}

/** The other working days get the hours of Monday. */
export function likeMonday(weekly: readonly WeeklySpan[]): WeeklySpan[] {
  const working = DAYS.slice(1, 5)
  const monday = weekly.filter((span) => span.day === 'monday')
  const kept = weekly.filter((span) => !working.includes(span.day))
  return [...kept, ...working.flatMap((day) => monday.map((span) => ({ ...span, day })))]
}
