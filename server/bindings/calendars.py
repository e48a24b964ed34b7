"""Row -> opening hours."""

from collections.abc import Iterable
from datetime import date

from casecore.store.calendars import CalendarValues, Times
from routing.calendars import WEEKDAYS, Calendar, Span, clock_of, zone_of


def calendar_of(row: CalendarValues) -> Calendar:
    """Raises ValueError or KeyError for a row that says something else than hours."""
    holidays = {}
    for holiday in row.holidays:
        day = date.fromisoformat(holiday.date)
        holidays[day] = tuple(_spans(WEEKDAYS[day.weekday()], holiday.spans))
    weekly = tuple(span for times in row.weekly for span in _spans(times["day"], [times]))
    return Calendar(zone_of(row.zone), weekly, holidays)


def _spans(day: str, several: Iterable[Times]) -> Iterable[Span]:
    weekday = WEEKDAYS.index(day)
    return (Span(weekday, clock_of(t["opens"]), clock_of(t["closes"])) for t in several)
