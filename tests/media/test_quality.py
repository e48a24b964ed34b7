import pytest

from media.admission import admit, percentile
from media.errors import OverCapacity
from media.quality import estimate, mos, rating


@pytest.mark.parametrize(
    ("r", "expected"), [(0, 1.0), (50, 2.58), (70, 3.60), (93.2, 4.41), (100, 4.5), (120, 4.5)]
)
def test_opinion_score_follows_the_standards_curve(r: float, expected: float) -> None:
    assert mos(r) == pytest.approx(expected, abs=0.01)


def test_loss_and_delay_cost_quality() -> None:
    good = rating(loss_percent=0, one_way_delay_ms=20)
    assert good == pytest.approx(92.7, abs=0.1)
    assert rating(loss_percent=1, one_way_delay_ms=20) < good
    assert rating(loss_percent=0, one_way_delay_ms=300) < good - 10


def test_silence_on_the_wire_is_no_bad_quality_and_late_packets_are_lost_ones() -> None:
    nothing = estimate(received=0, lost=0, late=0, round_trip_ms=None, buffer_ms=40)
    assert nothing > 4.3
    lost = estimate(received=900, lost=100, late=0, round_trip_ms=None, buffer_ms=40)
    late = estimate(received=1_000, lost=0, late=100, round_trip_ms=None, buffer_ms=40)
    assert lost == pytest.approx(late, abs=0.01)
    assert lost < 3.5


def test_full_or_busy_thread_takes_no_more_legs() -> None:
    admit(legs=1, most=2, tick_us=[])
    admit(legs=1, most=2, tick_us=[4_000] * 256)
    with pytest.raises(OverCapacity):
        admit(legs=2, most=2, tick_us=[])
    with pytest.raises(OverCapacity):
        admit(legs=1, most=2, tick_us=[1_000] * 200 + [4_900] * 56)


def test_percentile_of_nothing_is_nothing() -> None:
    assert percentile([], 0.99) == 0
    assert percentile([5, 1, 3], 0.5) == 3
