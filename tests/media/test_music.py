"""The music that ships: calm, long enough, without a seam, and music rather than a tone."""

import numpy as np
import pytest

from media.audio import SAMPLE_RATE, Audio
from media.music import default_music


@pytest.fixture(scope="module")
def music() -> Audio:
    return default_music()


def seconds_of(audio: Audio) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return audio[: len(audio) // SAMPLE_RATE * SAMPLE_RATE].reshape(-1, SAMPLE_RATE).astype(float)


def test_the_loop_is_between_half_a_minute_and_a_minute(music: Audio) -> None:
    assert 30 <= len(music) / SAMPLE_RATE <= 60


def test_the_loudest_moment_is_twelve_decibels_below_full_scale(music: Audio) -> None:
    peak = np.abs(music.astype(np.int32)).max() / 32_768
    assert 20 * np.log10(peak) == pytest.approx(-12, abs=0.1)


def test_no_second_is_silent_and_none_is_much_louder_than_the_rest(music: Audio) -> None:
    loudness = np.sqrt((seconds_of(music) ** 2).mean(axis=1))
    assert loudness.min() > 300
    assert loudness.max() < 3 * np.median(loudness)


def test_the_end_runs_into_the_beginning(music: Audio) -> None:
    """Where the loop closes, the wave is as smooth as everywhere else: no click, no pause."""
    looped = np.concatenate([music, music]).astype(float)
    seam = len(music)
    bends = np.abs(np.diff(looped, n=2))
    assert bends[seam - 10 : seam + 10].max() <= np.percentile(bends, 99.9)
    around = np.sqrt((looped[seam - 400 : seam + 400] ** 2).mean())
    assert around > 300


def test_it_is_a_tune_and_not_a_tone(music: Audio) -> None:
    spectra = np.abs(np.fft.rfft(seconds_of(music), axis=1))
    assert len(set(spectra.argmax(axis=1).tolist())) >= 8
    power = (spectra**2).sum(axis=0)
    assert power.max() < 0.2 * power.sum()


def test_most_of_it_passes_a_telephone(music: Audio) -> None:
    power = np.abs(np.fft.rfft(music.astype(float))) ** 2
    hertz = np.fft.rfftfreq(len(music), 1 / SAMPLE_RATE)
    carried = power[(hertz >= 250) & (hertz <= 3_400)].sum()
    assert carried > 0.7 * power.sum()


def test_it_is_the_same_every_time(music: Audio) -> None:
    assert np.array_equal(music, default_music())
