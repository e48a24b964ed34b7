"""Composes the music a waiting caller hears when the installation brings none of its own."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from media.audio import SAMPLE_RATE, Audio

_BEAT = 6_400  # samples: 75 beats a minute, and every note begins on a whole sample
_BAR = 4 * _BEAT
_PEAK_DB = -12.0


@dataclass(frozen=True, slots=True)
class _Bar:
    """One bar: what lies underneath, the broken chord and the tune, as MIDI note numbers."""

    bass: int
    chord: tuple[int, int, int, int]
    tune: tuple[tuple[float, int], ...]
    """(beat, note) of each note of the tune."""


# C major, in the range a telephone carries: nothing important below 300 Hz or above 3 kHz.
_PIECE = (
    _Bar(48, (60, 64, 67, 71), ((0, 76), (2.5, 79))),
    _Bar(45, (57, 64, 67, 72), ((0, 84), (1.5, 83), (3, 79))),
    _Bar(53, (60, 65, 69, 76), ((0, 81), (2, 76))),
    _Bar(55, (59, 62, 67, 74), ((0.5, 74), (2, 79), (3.5, 77))),
    _Bar(48, (60, 64, 67, 74), ((0, 76),)),
    _Bar(52, (59, 64, 67, 71), ((1, 71), (2, 74), (3, 76))),
    _Bar(53, (57, 60, 65, 72), ((0, 77), (1.5, 76), (3, 72))),
    _Bar(55, (60, 62, 67, 72), ((0, 74), (2, 67))),
    _Bar(45, (60, 64, 69, 71), ((0.5, 72), (1.5, 76), (2.5, 81))),
    _Bar(52, (59, 62, 67, 71), ((0, 79), (2, 74))),
    _Bar(53, (57, 64, 65, 72), ((0, 76), (1, 77), (2.5, 84))),
    _Bar(48, (60, 64, 67, 72), ((0, 79), (3, 76))),
    _Bar(50, (57, 60, 65, 69), ((0, 77), (1.5, 81), (3, 77))),
    _Bar(55, (59, 65, 67, 74), ((0, 79), (2, 77), (3, 74))),
    _Bar(48, (60, 64, 67, 71), ((0, 76), (2, 72))),
)
_BROKEN_CHORD = (0, 1, 2, 3, 2, 3, 1, 2)
"""Which note of the chord each half beat plays."""

_Wave = NDArray[np.float64]


def default_music() -> Audio:
    """A quiet piece for plucked strings over soft chords, made to be repeated without a seam.

    Notes ring across the end into the beginning, as they do from one bar into the next.
    """
    loop = np.zeros(len(_PIECE) * _BAR)
    for number, bar in enumerate(_PIECE):
        start = number * _BAR
        for note in bar.chord:
            _add(loop, start - _BEAT // 2, 0.10 * _soft(note, _BAR + _BEAT))
        _add(loop, start, 0.5 * _pluck(bar.bass))
        for half_beat, member in enumerate(_BROKEN_CHORD):
            gentle = 0.30 if half_beat % 4 == 0 else 0.22
            _add(loop, start + half_beat * _BEAT // 2, gentle * _pluck(bar.chord[member]))
        for beat, note in bar.tune:
            _add(loop, start + int(beat * _BEAT), 0.6 * _pluck(note))
    loop = _room(loop)
    loop *= 32_768 * 10 ** (_PEAK_DB / 20) / np.abs(loop).max()
    return np.rint(loop).astype(np.int16)


def _add(loop: _Wave, start: int, note: _Wave) -> None:
    places = np.arange(start, start + len(note)) % len(loop)
    loop[places] += note  # no place comes twice: a note is shorter than the loop


def _hertz(note: int) -> float:
    return float(440 * 2 ** ((note - 69) / 12))


def _pluck(note: int) -> _Wave:
    """A string that is struck and dies away, its higher partials sooner."""
    time = np.arange(3 * SAMPLE_RATE) / SAMPLE_RATE
    wave = np.zeros_like(time)
    for partial, strength in ((1, 1.0), (2, 0.45), (3, 0.22), (4, 0.10)):
        hertz = _hertz(note) * partial
        if hertz < 3_300:
            decay = np.exp(-time * (1.3 + 0.9 * partial))
            wave += strength * decay * np.sin(2 * np.pi * hertz * time)
    attack = np.minimum(time / 0.006, 1)
    release = np.minimum((time[-1] - time) / 0.2, 1)
    struck: _Wave = wave * attack * release
    return struck


def _soft(note: int, length: int) -> _Wave:
    """A held sound that swells and fades, two voices slightly apart so that it lives."""
    time = np.arange(length) / SAMPLE_RATE
    hertz = _hertz(note)
    wave = np.zeros_like(time)
    for strength, detuned in ((1.0, 0.9985), (1.0, 1.0015), (0.3, 2.0), (0.12, 3.0)):
        wave += strength * np.sin(2 * np.pi * hertz * detuned * time)
    swell: _Wave = np.sin(np.pi * np.arange(length) / length) ** 2
    return wave * swell


def _room(loop: _Wave) -> _Wave:
    """A few echoes, around the end of the loop as well."""
    wet = loop.copy()
    for strength, delay in ((0.29, 1_103), (0.21, 1_787), (0.15, 2_903), (0.10, 4_703)):
        wet += strength * np.roll(loop, delay)
    return wet
