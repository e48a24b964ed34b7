"""The E-model's numbers, held against ITU-T G.107."""

import pytest

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


def test_a_bad_line_never_scores_below_one() -> None:
    assert all(1.0 <= mos(r / 10) <= 4.5 for r in range(1001))


def test_a_perfect_line_rates_as_the_default_values_do() -> None:
    assert rating(loss_percent=0, one_way_delay_ms=0) == pytest.approx(93.2)


def test_loss_as_large_as_the_robustness_takes_half_of_what_loss_can_take() -> None:
    assert rating(loss_percent=25.1, one_way_delay_ms=0) == pytest.approx(93.2 - 47.5)


def test_delay_weighs_more_beyond_177_ms() -> None:
    near = rating(loss_percent=0, one_way_delay_ms=177.3)
    far = rating(loss_percent=0, one_way_delay_ms=277.3)
    assert near == pytest.approx(93.2 - 0.024 * 177.3)
    assert near - far == pytest.approx(100 * (0.024 + 0.11))


def test_rating_stays_on_the_scale() -> None:
    assert rating(loss_percent=100, one_way_delay_ms=5_000) == 0.0


def test_more_late_packets_than_were_expected_are_all_of_them() -> None:
    assert estimate(received=1, lost=0, late=9, round_trip_ms=None, buffer_ms=0) >= 1.0
