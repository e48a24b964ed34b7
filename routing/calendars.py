"""Opening hours: weekly spans in a time zone, with holidays."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

_DAYS_AHEAD = 370
"""How far ahead a change is looked for: what lies beyond is as good as never."""


class UnknownZone(ValueError):
    """The message names the zone."""


@lru_cache(maxsize=256)
def zone_of(name: str) -> tzinfo:
    """The time zone of an IANA name. Raises UnknownZone."""
    try:
        # UTC must work on a machine without time zone files, too
        return UTC if name == "UTC" else ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UnknownZone(f"there is no time zone {name!r}") from None


def clock_of(text: str) -> time:
    """A time of day written as 09:30. Raises ValueError."""
    hours, minutes = text[:2], text[3:]
    written_so = len(text) == 5 and text[2] == ":" and (hours + minutes).isascii()
    if not written_so or not (hours + minutes).isdigit() or hours > "23" or minutes > "59":
        raise ValueError(f"{text!r} is no time of day")
    return time(int(hours), int(minutes))


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

    def __post_init__(self) -> None:
        if self.closes != time(0) and self.closes <= self.opens:
            raise ValueError(f"'{self}' ends before it begins")

    def __str__(self) -> str:
        return f"{self.opens:%H:%M}-{self.closes:%H:%M}"

    def contains(self, moment: time) -> bool:
        return self.opens <= moment and (moment < self.closes or self.closes == time(0))

    def overlaps(self, other: "Span") -> bool:
        return self.weekday == other.weekday and (
            self.contains(other.opens) or other.contains(self.opens)
        )


def first_overlap(spans: Sequence[Span]) -> tuple[int, int] | None:
    """Places of two spans that share time: the earlier one, and the one that comes too much."""
    for late, span in enumerate(spans):
        for early in range(late):
            if span.overlaps(spans[early]):
                return early, late
    return None


@dataclass(frozen=True, slots=True)
class Calendar:
    zone: tzinfo
    spans: tuple[Span, ...]
    holidays: Mapping[date, tuple[Span, ...]] = field(default_factory=dict)
    """Days with other spans than their weekday has; closed on those that have none."""

    def is_open(self, utc: datetime) -> bool:
        """`utc` is an aware time; what counts is the clock on the wall of the calendar's zone."""
        local = utc.astimezone(self.zone)
        moment = local.time().replace(tzinfo=None)
        return any(span.contains(moment) for span in self._spans_of(local.date()))

    def next_change(self, utc: datetime) -> datetime | None:
        """When it opens or closes next, in UTC; None when it does not within a year."""
        now = self.is_open(utc)
        today = utc.astimezone(self.zone).date()
        for ahead in range(_DAYS_AHEAD):
            for moment in sorted(self._moments(today + timedelta(days=ahead))):
                if moment > utc and self.is_open(moment) is not now:
                    return moment
        return None

    def _spans_of(self, day: date) -> tuple[Span, ...]:
        found = self.holidays.get(day)
        if found is None:
            return tuple(span for span in self.spans if span.weekday == day.weekday())
        return found

    def _moments(self, day: date) -> Iterator[datetime]:
        """Whenever it may open or close on that day; its first moment closes the day before."""
        begins, ends = self._utc(day, time(0)), self._utc(day + timedelta(days=1), time(0))
        if ends - begins != timedelta(days=1):
            # The clocks are changed: the same time comes twice, or does not come.
            minutes = int((ends - begins) / timedelta(minutes=1))
            yield from (begins + timedelta(minutes=minute) for minute in range(minutes))
            return
        yield begins
        for span in self._spans_of(day):
            yield self._utc(day, span.opens)
            if span.closes != time(0):
                yield self._utc(day, span.closes)

    def _utc(self, day: date, clock: time) -> datetime:
        return datetime.combine(day, clock, self.zone).astimezone(UTC)
