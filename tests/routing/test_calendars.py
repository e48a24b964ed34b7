from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import pytest

from routing.calendars import Calendar, Span, first_overlap

MONDAY_TO_NOON = Span(0, time(9), time(12))
BERLIN = ZoneInfo("Europe/Berlin")


def calendar(*spans: Span, holidays: tuple[date, ...] = ()) -> Calendar:
    return Calendar(BERLIN, spans, dict.fromkeys(holidays, ()))


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


def test_holiday_may_have_hours_of_its_own() -> None:
    eve = Calendar(BERLIN, (MONDAY_TO_NOON,), {date(2026, 11, 16): (Span(0, time(14), time(15)),)})
    assert not eve.is_open(datetime(2026, 11, 16, 9, 0, tzinfo=UTC))
    assert eve.is_open(datetime(2026, 11, 16, 13, 30, tzinfo=UTC))


@pytest.mark.parametrize(
    ("now", "change"),
    [
        ("2026-11-16 07:00", "2026-11-16 08:00"),
        ("2026-11-16 08:00", "2026-11-16 11:00"),
        ("2026-11-16 11:00", "2026-11-23 08:00"),
        ("2026-12-14 12:00", "2026-12-28 08:00"),
    ],
)
def test_next_change_is_the_moment_it_opens_or_closes(now: str, change: str) -> None:
    found = calendar(MONDAY_TO_NOON, holidays=(date(2026, 12, 21),)).next_change(at(now))
    assert found == at(change)


def at(utc: str) -> datetime:
    return datetime.fromisoformat(utc).replace(tzinfo=UTC)


def test_spans_that_touch_and_nights_are_no_change() -> None:
    through = calendar(
        Span(0, time(9), time(12)),
        Span(0, time(12), time(0)),
        Span(1, time(0), time(6)),
    )
    assert through.next_change(at("2026-11-16 09:00")) == at("2026-11-17 05:00")


def test_what_never_changes_has_no_next_change() -> None:
    always = calendar(*(Span(day, time(0), time(0)) for day in range(7)))
    assert always.next_change(at("2026-11-16 09:00")) is None
    assert calendar().next_change(at("2026-11-16 09:00")) is None


@pytest.mark.parametrize(
    ("opens", "now", "change"),
    [
        # 02:00 to 03:00 does not come: who opens at 02:30 opens at 03:00.
        ("02:30", "2026-03-29 00:00", "2026-03-29 01:00"),
        # It comes twice, and what counts is the clock on the wall.
        ("02:30", "2026-10-25 00:00", "2026-10-25 00:30"),
        ("02:30", "2026-10-25 00:45", "2026-10-25 01:00"),
        ("02:30", "2026-10-25 01:10", "2026-10-25 01:30"),
    ],
)
def test_change_is_found_on_the_night_when_clocks_are_changed(
    opens: str, now: str, change: str
) -> None:
    sunday = calendar(Span(6, time.fromisoformat(opens), time(12)))
    assert sunday.next_change(at(now)) == at(change)


def test_first_overlap_names_both_spans() -> None:
    afternoon = Span(0, time(11, 59), time(14))
    assert first_overlap([MONDAY_TO_NOON, Span(1, time(9), time(12)), afternoon]) == (0, 2)
    assert first_overlap([MONDAY_TO_NOON, Span(0, time(12), time(0))]) is None
    assert first_overlap([Span(0, time(8), time(0)), Span(0, time(23), time(0))]) == (0, 1)
