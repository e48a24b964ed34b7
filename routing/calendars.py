"""Opening hours: weekly spans in a time zone, with holidays."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


@lru_cache(maxsize=256)
def zone_named(name: str) -> tzinfo:
    """Raises ZoneInfoNotFoundError, ValueError or OSError for a name that is none."""
    # UTC must work on a machine without time zone files, too
    return UTC if name == "UTC" else ZoneInfo(name)


def start_of_day(utc: datetime, zone: tzinfo) -> datetime:
    """When the day that it is in `zone` began."""
    return datetime.combine(utc.astimezone(zone).date(), time(0), zone).astimezone(UTC)


@dataclass(frozen=True, slots=True)
class Span:
    """From `opens` up to, not including, `closes`; a span that ends at midnight closes at 00:00."""

    weekday: int
    """0 is Monday."""
    opens: time
    closes: time

    def contains(self, moment: time) -> bool:
        return self.opens <= moment and (moment < self.closes or self.closes == time(0))


@dataclass(frozen=True, slots=True)
class Calendar:
    zone: tzinfo
    spans: tuple[Span, ...]
    holidays: frozenset[date] = frozenset()

    def is_open(self, utc: datetime) -> bool:
        """`utc` is an aware time; what counts is the clock on the wall of the calendar's zone."""
        local = utc.astimezone(self.zone)
        if local.date() in self.holidays:
            return False
        moment = local.time().replace(tzinfo=None)
        return any(s.weekday == local.weekday() and s.contains(moment) for s in self.spans)
