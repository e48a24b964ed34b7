"""The tones a caller knows without being told: beep, ringback, busy and key tones."""

import numpy as np
from numpy.typing import NDArray

from media.audio import SAMPLE_RATE, Audio, silence

_FADE_MS = 5
"""A tone that starts or stops at full level clicks."""

# ITU-T E.180: one frequency for all call progress tones, told apart by their rhythm.
_PROGRESS_HZ = 425.0
_PROGRESS_LEVEL_DB = -16.0
_KEY_LEVEL_DB = -10.0

# ITU-T Q.23: a key is the sum of the tone of its row and the tone of its column.
_ROWS_HZ = (697.0, 770.0, 852.0, 941.0)
_COLUMNS_HZ = (1209.0, 1336.0, 1477.0, 1633.0)
_KEYPAD = ("123A", "456B", "789C", "*0#D")
_KEYS = {
    key: (_ROWS_HZ[row], _COLUMNS_HZ[column])
    for row, keys in enumerate(_KEYPAD)
    for column, key in enumerate(keys)
}


def tone(frequencies: tuple[float, ...], milliseconds: int, *, level_db: float) -> Audio:
    """A sum of sines, each with its peak at `level_db` below full scale."""
    time = np.arange(_samples(milliseconds)) / SAMPLE_RATE
    amplitude = 32_767 * 10 ** (level_db / 20)
    wave = np.zeros_like(time)
    for frequency in frequencies:
        wave += amplitude * np.sin(2 * np.pi * frequency * time)
    return np.rint(wave * _envelope(len(time))).astype(np.int16)


def beep() -> Audio:
    """What asks a caller to speak after a voicemail greeting."""
    return tone((1_000.0,), 400, level_db=-14.0)


def zip_tone() -> Audio:
    """What tells an agent that a caller will be heard the next moment."""
    low, high = tone((660.0,), 110, level_db=-16.0), tone((880.0,), 140, level_db=-16.0)
    return np.concatenate([low, silence(20), high])


def ringback() -> Audio:
    """One second of tone and four of silence, to be looped while the other side rings."""
    ring = tone((_PROGRESS_HZ,), 1_000, level_db=_PROGRESS_LEVEL_DB)
    return np.concatenate([ring, silence(4_000)])


def busy() -> Audio:
    """Half a second of tone and half a second of silence, to be looped."""
    on = tone((_PROGRESS_HZ,), 500, level_db=_PROGRESS_LEVEL_DB)
    return np.concatenate([on, silence(500)])


def dtmf(digits: str, *, tone_ms: int = 100, gap_ms: int = 60) -> Audio:
    """The key tones of `digits` (`0-9`, `*`, `#`, `A-D`), a gap after each; others are an error."""
    unknown = sorted(set(digits.upper()) - _KEYS.keys())
    if unknown:
        raise ValueError(f"no telephone key is called {''.join(unknown)!r}")
    parts = [silence(0)]
    for digit in digits.upper():
        parts += [tone(_KEYS[digit], tone_ms, level_db=_KEY_LEVEL_DB), silence(gap_ms)]
    return np.concatenate(parts)


def _samples(milliseconds: int) -> int:
    return milliseconds * SAMPLE_RATE // 1_000


def _envelope(length: int) -> NDArray[np.float64]:
    """Raised-cosine fades at both ends of a flat top."""
    fade = min(_samples(_FADE_MS), length // 2)
    rise = 0.5 - 0.5 * np.cos(np.pi * np.arange(fade) / max(fade, 1))
    return np.concatenate([rise, np.ones(length - 2 * fade), rise[::-1]])
