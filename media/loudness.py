"""Brings sound that somebody uploaded to one loudness, without letting it clip on any phone.

Measured as ITU-R BS.1770 gates it, but unweighted: its weighting is for loudspeakers, and nothing
of what it treats specially passes a telephone. What is quiet beside the rest does not count, so
that pauses in speech do not make it louder.
"""

import numpy as np
from numpy.typing import NDArray

from media.audio import SAMPLE_RATE

ANNOUNCEMENT_DBFS = -20.0
"""As our own speech."""
MUSIC_DBFS = -24.0
"""Below announcements: people wait with the phone at the ear."""
TRUE_PEAK_DBFS = -3.0
"""No sample, and nothing between two samples, is louder."""

_BLOCK, _HOP = 4 * SAMPLE_RATE // 10, SAMPLE_RATE // 10
_ABSOLUTE_GATE_DB, _RELATIVE_GATE_DB = -60.0, -10.0
_OVERSAMPLING, _HALF_TAPS = 4, 12
_CHUNK = 1 << 16

Samples = NDArray[np.float32]
"""8 kHz mono, full scale is 1."""


class Silent(ValueError):
    """There is nothing to be heard."""


def levelled(samples: Samples, target_dbfs: float) -> Samples:
    """`samples` at the target, or as near to it as `TRUE_PEAK_DBFS` lets them. Raises Silent."""
    gain = 10 ** (target_dbfs / 20) / 10 ** (loudness_dbfs(samples) / 20)
    limit = 10 ** (TRUE_PEAK_DBFS / 20) / true_peak(samples)
    scaled: Samples = samples * np.float32(min(gain, limit))
    return scaled


def loudness_dbfs(samples: Samples) -> float:
    """Level of what is heard, where a full-scale square wave is 0. Raises Silent."""
    powers = _block_powers(samples)
    heard = powers[powers > 10 ** (_ABSOLUTE_GATE_DB / 10)]
    if not len(heard):
        raise Silent("nothing can be heard in it")
    heard = heard[heard >= heard.mean() * 10 ** (_RELATIVE_GATE_DB / 10)]
    return float(10 * np.log10(heard.mean()))


def _block_powers(samples: Samples) -> NDArray[np.float64]:
    """Mean square of blocks of 400 ms, four of which overlap; of all when it is shorter."""
    if len(samples) <= _BLOCK:
        whole = np.mean(np.square(samples, dtype=np.float64)) if len(samples) else 0.0
        return np.array([whole])
    hops = len(samples) // _HOP
    squares = np.square(samples[: hops * _HOP], dtype=np.float32).reshape(hops, _HOP)
    per_hop = squares.mean(axis=1, dtype=np.float64)
    powers: NDArray[np.float64] = np.convolve(
        per_hop, np.full(_BLOCK // _HOP, _HOP / _BLOCK), mode="valid"
    )
    return powers


def true_peak(samples: Samples) -> float:
    """The highest value that the sound reaches, also between its samples."""
    peak = float(np.abs(samples).max(initial=0.0))
    for phase in range(1, _OVERSAMPLING):
        taps = _interpolation(phase / _OVERSAMPLING)
        for start in range(0, len(samples), _CHUNK):
            piece = samples[max(start - 2 * _HALF_TAPS, 0) : start + _CHUNK]
            between = np.convolve(piece, taps)
            peak = max(peak, float(np.abs(between).max(initial=0.0)))
    return peak


def _interpolation(fraction: float) -> NDArray[np.float32]:
    """A windowed sinc that gives the value so far behind each sample."""
    offset = np.arange(1 - _HALF_TAPS, _HALF_TAPS + 1) - fraction
    window = np.cos(np.pi * offset / (2 * _HALF_TAPS + 1)) ** 2
    taps: NDArray[np.float32] = (np.sinc(offset) * window)[::-1].astype(np.float32)
    return taps
