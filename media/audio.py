"""The one form audio has inside Python: mono, 16 bit, 8000 samples a second."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 8_000
Audio: TypeAlias = NDArray[np.int16]


def silence(milliseconds: int) -> Audio:
    return np.zeros(milliseconds * SAMPLE_RATE // 1_000, dtype=np.int16)
