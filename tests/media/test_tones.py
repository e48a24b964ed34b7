"""What tones sound like, judged by their spectrum and their rhythm."""

import numpy as np
import pytest

from media.audio import SAMPLE_RATE, Audio, silence
from media.tones import beep, busy, dtmf, ringback, tone


def loudest_frequencies(audio: Audio, count: int) -> list[float]:
    """The `count` strongest spectral peaks in Hz, lowest first, at a resolution of 1 Hz."""
    spectrum = np.abs(np.fft.rfft(audio * np.hanning(len(audio)), n=SAMPLE_RATE))
    found: list[float] = []
    for _ in range(count):
        peak = int(spectrum.argmax())
        found.append(float(peak))
        spectrum[max(peak - 40, 0) : peak + 40] = 0
    return sorted(found)


def sounding_ms(audio: Audio) -> int:
    """How many 10 ms frames are more than silence, in milliseconds."""
    frames = audio[: len(audio) // 80 * 80].reshape(-1, 80)
    return int((np.abs(frames).max(axis=1) > 100).sum()) * 10


@pytest.mark.parametrize(
    ("key", "low", "high"),
    [
        ("1", 697, 1209),
        ("5", 770, 1336),
        ("9", 852, 1477),
        ("0", 941, 1336),
        ("*", 941, 1209),
        ("#", 941, 1477),
        ("A", 697, 1633),
        ("d", 941, 1633),
    ],
)
def test_a_key_sounds_as_its_row_and_its_column(key: str, low: int, high: int) -> None:
    found = loudest_frequencies(dtmf(key, tone_ms=200, gap_ms=0), 2)
    assert found == pytest.approx([low, high], abs=2)


def test_keys_are_kept_apart_by_gaps() -> None:
    audio = dtmf("42", tone_ms=100, gap_ms=60)
    assert len(audio) == 2 * (100 + 60) * 8
    assert not audio[800:1280].any()
    assert loudest_frequencies(audio[:800], 2) == pytest.approx([770, 1209], abs=3)
    assert loudest_frequencies(audio[1280:2080], 2) == pytest.approx([697, 1336], abs=3)


def test_no_keys_make_no_sound() -> None:
    assert len(dtmf("")) == 0


def test_something_that_is_not_a_key_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="'E'"):
        dtmf("1E2")


def test_ringback_and_busy_have_the_same_pitch_and_different_rhythms() -> None:
    assert loudest_frequencies(ringback(), 1) == pytest.approx([425], abs=1)
    assert loudest_frequencies(busy(), 1) == pytest.approx([425], abs=1)
    assert (len(ringback()), sounding_ms(ringback())) == (5 * SAMPLE_RATE, 1_000)
    assert (len(busy()), sounding_ms(busy())) == (SAMPLE_RATE, 500)


def test_the_beep_is_one_clear_short_tone() -> None:
    assert loudest_frequencies(beep(), 1) == pytest.approx([1_000], abs=1)
    assert 300 <= sounding_ms(beep()) <= 500


@pytest.mark.parametrize("audio", [beep(), ringback(), busy(), dtmf("159D")])
def test_no_tone_clips_or_starts_with_a_click(audio: Audio) -> None:
    assert np.abs(audio.astype(np.int32)).max() < 32_767 * 0.7
    assert abs(int(audio[0])) < 100


def test_a_tone_has_the_level_asked_for() -> None:
    assert np.abs(tone((1_000.0,), 100, level_db=-20.0)).max() == pytest.approx(3_277, rel=0.01)


def test_the_shortest_tones_are_still_possible() -> None:
    assert len(tone((1_000.0,), 1, level_db=-20.0)) == 8
    assert len(tone((1_000.0,), 0, level_db=-20.0)) == 0
    assert not silence(10).any()
    assert len(silence(10)) == 80
