"""When a media thread takes one more leg."""

import pytest

from media.admission import admit, percentile
from media.errors import OverCapacity

QUIET = [100] * 256


def test_an_idle_thread_takes_legs_up_to_its_limit() -> None:
    admit(legs=9, most=10, tick_us=QUIET)
    with pytest.raises(OverCapacity):
        admit(legs=10, most=10, tick_us=QUIET)


def test_a_thread_without_a_past_takes_legs() -> None:
    admit(legs=0, most=1, tick_us=[])


def test_a_busy_thread_refuses() -> None:
    with pytest.raises(OverCapacity) as refused:
        admit(legs=1, most=10, tick_us=[4_300] * 256)
    assert refused.value.code == "media_over_capacity"


def test_one_slow_tick_in_two_hundred_and_fifty_is_no_reason_to_refuse() -> None:
    admit(legs=1, most=10, tick_us=[*QUIET, 50_000])


def test_too_short_a_past_does_not_count_yet() -> None:
    admit(legs=1, most=10, tick_us=[4_900] * 99)


def test_percentiles_are_taken_from_the_sorted_values() -> None:
    values = list(range(100, 0, -1))
    assert percentile(values, 0.0) == 1
    assert percentile(values, 0.5) == 51
    assert percentile(values, 0.99) == 100
    assert percentile(values, 1.0) == 100
    assert percentile([], 0.99) == 0
