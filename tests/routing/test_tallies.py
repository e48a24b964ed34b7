"""How well a queue served its callers today: one stated formula, and counts that add up."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from routing.acd.tallies import Tally
from routing.calendars import start_of_day, zone_of
from tests.support.centre import NOON, Centre, agent, queue, work_id

ANNA = agent(1)
MIDNIGHT = datetime(2026, 11, 21, tzinfo=UTC)
UNTIL_MIDNIGHT = (MIDNIGHT - NOON).total_seconds()


def tally(answered: list[float], abandoned: list[float]) -> Tally:
    made = Tally(date(2026, 11, 20))
    for seconds in answered:
        made.answer(round(seconds * 1_000))
    for seconds in abandoned:
        made.abandon(round(seconds * 1_000))
    return made


@pytest.mark.parametrize(
    ("answered", "abandoned", "expected"),
    [
        ([], [], None),
        ([], [3, 5], None),
        ([1, 20], [], 100.0),
        ([20, 20.001], [], 50.0),
        ([10, 19, 30], [5, 5.001], 50.0),
        ([], [30], 0.0),
    ],
)
def test_g01_service_level_is_answered_in_time_of_answered_and_not_shortly_abandoned(
    answered: list[float], abandoned: list[float], expected: float | None
) -> None:
    assert tally(answered, abandoned).service_level(20, 5) == expected


def test_g01_changed_threshold_counts_for_the_whole_day() -> None:
    counted = tally([25, 10], [8])
    assert counted.service_level(20, 5) == pytest.approx(100 / 3)
    assert counted.service_level(30, 10) == 100.0


def test_g01_queue_tells_its_service_level() -> None:
    late = replace(queue(), service_level_seconds=10, short_abandon_seconds=2)
    centre = Centre(late, agents=(ANNA,))
    centre.call(1)
    centre.at(1)
    centre.withdraw(work_id(1))  # too soon to count
    centre.call(2)
    centre.at(20)
    centre.withdraw(work_id(2))
    centre.call(3)
    centre.ready()
    centre.decide(work_id(3))
    seen = centre.queue(late)
    assert (seen.offered, seen.answered, seen.abandoned) == (3, 1, 2)
    assert (seen.answered_in_time, seen.abandoned_short, seen.service_level) == (1, 1, 50.0)


def test_g01_midnight_of_the_queues_zone_begins_to_count_anew() -> None:
    berlin, utc = replace(queue(1), time_zone="Europe/Berlin"), queue(2)
    centre = Centre(berlin, utc, agents=(ANNA,))
    for number, line in ((1, berlin), (2, utc)):
        centre.call(number, line)
        centre.at(centre.now + 10)
        centre.withdraw(work_id(number))
        centre.call(number + 10, line)
    centre.at(UNTIL_MIDNIGHT - 3_600)  # 00:00 in Berlin, 23:00 in Greenwich
    there, here = centre.queue(berlin), centre.queue(utc)
    assert (there.offered, there.abandoned, there.waiting) == (1, 0, 1)
    assert (here.offered, here.abandoned, here.waiting) == (2, 1, 1)
    centre.withdraw(work_id(11))
    there = centre.queue(berlin)
    assert (there.offered, there.abandoned, there.waiting) == (1, 1, 0)


def test_g01_counts_of_the_day_are_taken_up_after_a_restart() -> None:
    centre = Centre(agents=(ANNA,))
    [line] = centre.queues
    counted = tally([4, 30], [9])
    counted.offered, counted.flowed_out = 4, 1
    centre.matcher.resume_day(line.id, counted, centre.moment)
    centre.call(1)
    seen = centre.queue(line)
    assert (seen.offered, seen.waiting, seen.flowed_out) == (5, 1, 1)
    assert seen.service_level == pytest.approx(100 / 3)


def test_g01_counts_of_another_day_are_not_taken_up() -> None:
    centre = Centre()
    [line] = centre.queues
    old = Tally(NOON.date() - timedelta(days=1), offered=7, flowed_out=7)
    centre.matcher.resume_day(line.id, old, centre.moment)
    assert centre.queue(line).offered == 0


@pytest.mark.parametrize(
    ("now", "zone", "began"),
    [
        (NOON, "UTC", datetime(2026, 11, 20, tzinfo=UTC)),
        (NOON, "Europe/Berlin", datetime(2026, 11, 19, 23, tzinfo=UTC)),
        # the day on which summer time ends has 25 hours
        (
            datetime(2026, 10, 25, 22, tzinfo=UTC),
            "Europe/Berlin",
            datetime(2026, 10, 24, 22, tzinfo=UTC),
        ),
        (
            datetime(2026, 11, 20, 23, 30, tzinfo=UTC),
            "Asia/Tokyo",
            datetime(2026, 11, 20, 15, tzinfo=UTC),
        ),
    ],
)
def test_day_begins_at_midnight_on_the_wall(now: datetime, zone: str, began: datetime) -> None:
    assert start_of_day(now, zone_of(zone)) == began
