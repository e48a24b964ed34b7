"""What people upload is brought to one loudness, and never clips."""

import numpy as np
import pytest

from media.audio import SAMPLE_RATE
from media.loudness import (
    ANNOUNCEMENT_DBFS,
    MUSIC_DBFS,
    TRUE_PEAK_DBFS,
    Samples,
    Silent,
    levelled,
    loudness_dbfs,
    true_peak,
)


def tone(dbfs: float, *, seconds: float = 2.0, hertz: float = 1_000, phase: float = 0.0) -> Samples:
    """A sine of that level."""
    at = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    wave = np.sqrt(2) * 10 ** (dbfs / 20) * np.sin(2 * np.pi * hertz * at + phase)
    return np.asarray(wave, dtype=np.float32)


@pytest.mark.parametrize("level", [-50.0, -23.0, -3.1])
@pytest.mark.parametrize("target", [ANNOUNCEMENT_DBFS, MUSIC_DBFS])
def test_b08_quiet_and_loud_uploads_end_at_one_loudness(level: float, target: float) -> None:
    assert loudness_dbfs(levelled(tone(level), target)) == pytest.approx(target, abs=0.1)


def test_pauses_do_not_make_speech_louder() -> None:
    pause = np.zeros(5 * SAMPLE_RATE, dtype=np.float32)
    spoken = np.concatenate([tone(-20), pause, tone(-20), pause])
    assert loudness_dbfs(spoken) == pytest.approx(-20, abs=0.8)


def test_b08_no_sample_and_nothing_between_samples_is_above_the_peak_limit() -> None:
    # A quarter of the rate, at 45 degrees: the samples miss the peak by 3 dB.
    between = tone(-10, hertz=SAMPLE_RATE / 4, phase=np.pi / 4)
    assert 20 * np.log10(true_peak(between)) == pytest.approx(-7, abs=0.3)
    clicks = tone(-60, seconds=3)
    clicks[::4_000] = 1.0
    loudest = true_peak(levelled(clicks, ANNOUNCEMENT_DBFS))
    assert 20 * np.log10(loudest) == pytest.approx(TRUE_PEAK_DBFS, abs=0.01)


@pytest.mark.parametrize("seconds", [0.0, 0.1, 3.0])
def test_silence_is_not_made_loud(seconds: float) -> None:
    with pytest.raises(Silent):
        levelled(tone(-80, seconds=seconds), MUSIC_DBFS)


def test_short_sound_is_measured_as_a_whole() -> None:
    assert loudness_dbfs(tone(-12, seconds=0.1)) == pytest.approx(-12, abs=0.2)
