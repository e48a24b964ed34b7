from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import pytest

from routing.calendars import Calendar, Span

MONDAY_TO_NOON = Span(0, time(9), time(12))
BERLIN = ZoneInfo("Europe/Berlin")


def calendar(*spans: Span, holidays: tuple[date, ...] = ()) -> Calendar:
    return Calendar(BERLIN, spans, frozenset(holidays))


@pytest.mark.parametrize(
    ("utc", "is_open"),
    [
        ("2026-11-16 07:59", False),
        ("2026-11-16 08:00", True),
        ("2026-11-16 10:59", True),
        ("2026-11-16 11:00", False),
        ("2026-11-17 08:00", False),
    ],
)
def test_hours_begin_with_their_first_minute_and_end_before_the_last(
    utc: str, is_open: bool
) -> None:
    moment = datetime.fromisoformat(utc).replace(tzinfo=UTC)
    assert calendar(MONDAY_TO_NOON).is_open(moment) is is_open


def test_clock_on_the_wall_counts_in_summer_too() -> None:
    summer = datetime(2026, 7, 20, 7, 0, tzinfo=UTC)
    assert calendar(MONDAY_TO_NOON).is_open(summer)


def test_span_that_closes_at_midnight_lasts_to_the_end_of_the_day() -> None:
    evening = calendar(Span(0, time(18), time(0)))
    assert evening.is_open(datetime(2026, 11, 16, 22, 59, tzinfo=UTC))
    assert not evening.is_open(datetime(2026, 11, 16, 23, 0, tzinfo=UTC))


def test_day_may_have_several_spans() -> None:
    both = calendar(MONDAY_TO_NOON, Span(0, time(14), time(18)))
    assert both.is_open(datetime(2026, 11, 16, 14, 0, tzinfo=UTC))
    assert not both.is_open(datetime(2026, 11, 16, 12, 0, tzinfo=UTC))


def test_holiday_is_closed_by_the_date_of_the_zone() -> None:
    closed = calendar(Span(0, time(0), time(0)), holidays=(date(2026, 11, 16),))
    assert not closed.is_open(datetime(2026, 11, 15, 23, 30, tzinfo=UTC))
    assert not closed.is_open(datetime(2026, 11, 16, 12, 0, tzinfo=UTC))
    assert closed.is_open(datetime(2026, 11, 23, 12, 0, tzinfo=UTC))
