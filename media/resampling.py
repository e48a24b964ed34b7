"""Brings audio of any rate to 8000 samples a second without folding high sounds into low ones."""

from math import ceil, gcd

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from media.audio import SAMPLE_RATE

LOWEST_RATE, HIGHEST_RATE = 4_000, 192_000

_STOPBAND_DB = 80.0
_PASSBAND = 0.875
"""The part of the usable band which is left alone; above it the filter falls to `_STOPBAND_DB`."""


def resample(samples: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
    """Convert from `rate` to 8000 per second; ends are treated as if silence surrounded them.

    Polyphase: every output sample that lies at the same fraction between two input samples
    uses the same slice of a Kaiser-windowed sinc, so each such set is one matrix product.
    """
    if not LOWEST_RATE <= rate <= HIGHEST_RATE:
        raise ValueError(f"rate must be {LOWEST_RATE} to {HIGHEST_RATE}, not {rate}")
    if rate == SAMPLE_RATE:
        return samples
    common = gcd(rate, SAMPLE_RATE)
    phases, step = SAMPLE_RATE // common, rate // common
    low_pass = _LowPass(rate)
    output = np.zeros(len(samples) * phases // step, dtype=np.float32)
    padded = np.pad(samples, (low_pass.half - 1, low_pass.half + step))
    windows = sliding_window_view(padded, 2 * low_pass.half)
    for phase in range(min(phases, len(output))):
        first, remainder = divmod(phase * step, phases)
        wanted = output[phase::phases]
        wanted[:] = windows[first::step][: len(wanted)] @ low_pass.taps(remainder / phases)
    return output


class _LowPass:
    """A Kaiser-windowed sinc that keeps what both rates can carry."""

    def __init__(self, rate: int) -> None:
        usable = min(rate, SAMPLE_RATE) / 2  # Hz; nothing above it may pass
        transition = 2 * np.pi * usable * (1 - _PASSBAND) / rate
        self.half = ceil(((_STOPBAND_DB - 8) / (2.285 * transition) + 1) / 2)
        """Half the filter's length, in input samples."""
        self._beta = 0.1102 * (_STOPBAND_DB - 8.7)
        self._cutoff = usable * (1 + _PASSBAND) / rate  # mid-transition, relative to Nyquist

    def taps(self, fraction: float) -> NDArray[np.float32]:
        """The filter for an output that lies `fraction` of a sample behind an input sample."""
        offset = np.arange(1 - self.half, self.half + 1) - fraction
        window: NDArray[np.float64] = np.i0(self._beta * np.sqrt(1 - (offset / self.half) ** 2))
        taps: NDArray[np.float32] = (np.sinc(self._cutoff * offset) * window).astype(np.float32)
        taps /= taps.sum()  # the same gain of one for every fraction
        return taps
