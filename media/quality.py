"""How good a leg sounded: the E-model's estimate (ITU-T G.107) for G.711 with concealment."""

_BASE = 93.2
"""R of a perfect narrow-band connection with the model's default values."""
_ROBUSTNESS = 25.1
"""Bpl of G.711 with packet-loss concealment (ITU-T G.113 appendix I)."""
_FRAME_MS = 20.0


def rating(*, loss_percent: float, one_way_delay_ms: float) -> float:
    """The transmission rating R for random loss and mouth-to-ear delay."""
    impairment = 95.0 * loss_percent / (loss_percent + _ROBUSTNESS) if loss_percent > 0 else 0.0
    delay = 0.024 * one_way_delay_ms + 0.11 * max(0.0, one_way_delay_ms - 177.3)
    return max(0.0, min(100.0, _BASE - impairment - delay))


def mos(r: float) -> float:
    """Mean opinion score for R (G.107 annex B)."""
    if r <= 0:
        return 1.0
    if r >= 100:
        return 4.5
    return max(1.0, 1 + 0.035 * r + r * (r - 60) * (100 - r) * 7e-6)


def estimate(
    *, received: int, lost: int, late: int, round_trip_ms: float | None, buffer_ms: float
) -> float:
    """MOS of what we heard; packets that came too late count as lost."""
    missing = lost + late
    expected = received + lost
    loss_percent = 100.0 * missing / expected if expected else 0.0
    delay = (round_trip_ms or 0.0) / 2 + buffer_ms + _FRAME_MS
    return round(mos(rating(loss_percent=min(loss_percent, 100.0), one_way_delay_ms=delay)), 2)
