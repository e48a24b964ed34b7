"""Any PCM WAV is heard as it was meant; anything else is refused by name."""

from pathlib import Path
from struct import pack

import numpy as np
import pytest
from numpy.typing import NDArray

from media.audio import SAMPLE_RATE, Audio
from media.errors import MediaError
from media.resampling import resample
from media.wav import MAX_SECONDS, WavError, decode_wav, encode_wav, read_wav, write_wav

Floats = NDArray[np.float64]
RATES = [48_000, 44_100, 32_000, 22_050, 16_000, 11_025, 6_000, 44_099]


def sine(hertz: float, rate: int, *, seconds: float = 1.0, amplitude: float = 0.5) -> Floats:
    wave: Floats = amplitude * np.sin(2 * np.pi * hertz * np.arange(int(rate * seconds)) / rate)
    return wave


def chunk(kind: bytes, body: bytes) -> bytes:
    return pack("<4sI", kind, len(body)) + body + b"\0" * (len(body) % 2)


def riff(*chunks: bytes) -> bytes:
    body = b"WAVE" + b"".join(chunks)
    return pack("<4sI", b"RIFF", len(body)) + body


def fmt(bits: int, *, tag: int = 1, channels: int = 1, rate: int = SAMPLE_RATE) -> bytes:
    frame = channels * bits // 8
    return chunk(b"fmt ", pack("<HHIIHH", tag, channels, rate, rate * frame, frame, bits))


def samples_as(bits: int, tag: int, wave: Floats) -> bytes:
    """`wave` in a sample form, made by other means than the reader uses."""
    if tag == 3:
        return wave.astype(f"<f{bits // 8}").tobytes()
    scaled = np.rint(wave * 2 ** (bits - 1)).astype(int).tolist()
    if bits == 8:
        return bytes(value + 128 for value in scaled)
    return b"".join(value.to_bytes(bits // 8, "little", signed=True) for value in scaled)


def signal_to_noise_db(audio: Audio, hertz: float) -> float:
    """How far a sine of exactly `hertz` stands above everything else, the ends left out."""
    middle = audio[800:-800].astype(float)
    turns = 2 * np.pi * hertz * np.arange(len(middle)) / SAMPLE_RATE
    base = np.stack([np.sin(turns), np.cos(turns)], axis=1)
    fitted = base @ np.linalg.lstsq(base, middle, rcond=None)[0]
    return float(10 * np.log10(fitted.var() / (middle - fitted).var()))


def level_db(audio: Audio) -> float:
    """RMS of the middle against a full-scale sine."""
    middle = audio[800:-800].astype(float)
    return float(20 * np.log10(middle.std() * np.sqrt(2) / 32_768 + 1e-12))


@pytest.mark.parametrize("rate", RATES)
def test_a_tone_keeps_its_pitch_and_level_at_every_rate(rate: int) -> None:
    audio = decode_wav(
        riff(fmt(16, rate=rate), chunk(b"data", samples_as(16, 1, sine(1_000, rate)))), name="a.wav"
    )
    assert abs(len(audio) - SAMPLE_RATE) <= 1
    assert signal_to_noise_db(audio, 1_000) > 60
    assert level_db(audio) == pytest.approx(-6.02, abs=0.05)


@pytest.mark.parametrize("rate", [48_000, 44_100, 22_050, 16_000])
def test_a_tone_above_the_telephone_band_does_not_come_back_as_another(rate: int) -> None:
    audio = decode_wav(
        riff(fmt(16, rate=rate), chunk(b"data", samples_as(16, 1, sine(6_000, rate)))), name="a.wav"
    )
    assert level_db(audio) < -6 - 60


def test_the_telephone_band_passes_unchanged() -> None:
    for hertz in (200, 1_800, 3_400):
        audio = resample(sine(hertz, 48_000).astype(np.float32), 48_000)
        assert audio[800:-800].std() * np.sqrt(2) == pytest.approx(0.5, rel=0.01)


def test_a_click_stays_where_it_was() -> None:
    click = np.zeros(44_100, dtype=np.float32)
    click[22_050] = 1
    assert np.abs(resample(click, 44_100)).argmax() == 4_000


@pytest.mark.parametrize("rate", [1, 3_999, 192_001])
def test_a_rate_beyond_reason_is_refused(rate: int) -> None:
    with pytest.raises(ValueError, match=str(rate)):
        resample(np.zeros(10, dtype=np.float32), rate)


@pytest.mark.parametrize("length", [0, 1, 2, 7])
def test_very_short_sounds_survive(length: int) -> None:
    samples = np.ones(length, dtype=np.float32)
    assert len(resample(samples, 44_100)) == length * 80 // 441
    assert len(resample(samples, 4_000)) == 2 * length


@pytest.mark.parametrize(("bits", "tag"), [(8, 1), (16, 1), (24, 1), (32, 1), (32, 3), (64, 3)])
def test_every_sample_form_gives_the_same_sound(bits: int, tag: int) -> None:
    wave = sine(440, SAMPLE_RATE)
    audio = decode_wav(
        riff(fmt(bits, tag=tag), chunk(b"data", samples_as(bits, tag, wave))), name="a.wav"
    )
    assert np.abs(audio - wave * 32_768).max() <= (128 if bits == 8 else 1)


@pytest.mark.parametrize("channels", [1, 2, 6])
def test_channels_are_averaged(channels: int) -> None:
    wave = np.zeros((800, channels))
    wave[:, 0] = 0.6
    audio = decode_wav(
        riff(fmt(16, channels=channels), chunk(b"data", samples_as(16, 1, wave.ravel()))),
        name="a.wav",
    )
    assert set(audio.tolist()) == {round(0.6 * 32_768 / channels)}


def test_an_extensible_header_is_understood() -> None:
    guid = pack("<H", 1) + bytes.fromhex("000000001000800000aa00389b71")
    header = chunk(b"fmt ", pack("<HHIIHHHHI", 0xFFFE, 1, 8_000, 16_000, 2, 16, 22, 16, 4) + guid)
    audio = decode_wav(riff(header, chunk(b"data", b"\x10\x00\x20\x00")), name="a.wav")
    assert audio.tolist() == [16, 32]


def test_other_chunks_are_stepped_over() -> None:
    data = riff(
        chunk(b"LIST", b"odd"), fmt(16), chunk(b"fact", b"1234"), chunk(b"data", b"\x05\x00")
    )
    assert decode_wav(data, name="a.wav").tolist() == [5]


def test_a_length_nobody_could_know_means_up_to_the_end() -> None:
    data = riff(fmt(16)) + pack("<4sI", b"data", 0x7FFFF000) + b"\x01\x00\x02\x00\x03"
    assert decode_wav(data, name="pipe.wav").tolist() == [1, 2]


def test_floats_that_are_not_numbers_or_too_loud_do_no_harm() -> None:
    wave = np.array([np.nan, np.inf, -np.inf, 2.0, 0.0])
    audio = decode_wav(riff(fmt(32, tag=3), chunk(b"data", samples_as(32, 3, wave))), name="a.wav")
    assert audio.tolist() == [0, 32_767, -32_768, 32_767, 0]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "not a WAV file"),
        (b"ID3\x03 some song", "not a WAV file"),
        (b"RIFF\0\0\0\0AVI LIST", "not a WAV file"),
        (riff(), "holds no sound"),
        (riff(fmt(16)), "holds no sound"),
        (riff(chunk(b"data", b"12")), "sound comes before its description"),
        (riff(chunk(b"fmt ", b"short")), "cut off"),
        (riff(fmt(8, tag=7)), "encoded as mu-law, not PCM"),
        (riff(fmt(8, tag=0x1234)), "encoded as format 0x1234, not PCM"),
        (riff(chunk(b"fmt ", pack("<HHIIHH", 0xFFFE, 1, 8_000, 16_000, 2, 16))), "0xfffe"),
        (riff(fmt(12)), "12 bits"),
        (riff(fmt(16, tag=3)), "16 bits"),
        (riff(fmt(16, channels=0)), "0 channels"),
        (riff(fmt(16, channels=9)), "9 channels"),
        (riff(fmt(16, rate=0)), "0 samples a second"),
        (riff(fmt(16, rate=4_000_000)), "4000000 samples a second"),
        (riff(fmt(8), chunk(b"data", bytes(MAX_SECONDS * 8_000 + 1))), "longer than 15 minutes"),
    ],
)
def test_what_cannot_be_played_is_refused_with_its_name_and_the_reason(
    data: bytes, why: str
) -> None:
    with pytest.raises(WavError, match=rf"^greeting\.wav: .*{why}") as caught:
        decode_wav(data, name="greeting.wav")
    assert isinstance(caught.value, MediaError)
    assert caught.value.code == "bad_wav"


def test_a_file_that_is_too_large_is_refused_before_it_is_all_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.wav"
    with path.open("wb") as file:
        file.truncate(1 << 36)  # sparse: takes no room on the disk
    with pytest.raises(WavError, match=r"^huge\.wav: larger than 64 MB"):
        read_wav(path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(WavError, match=r"^missing\.wav: No such file"):
        read_wav(tmp_path / "missing.wav")


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    audio = np.array([0, 1, -1, 32_767, -32_768], dtype=np.int16)
    write_wav(tmp_path / "a.wav", audio)
    assert read_wav(tmp_path / "a.wav").tolist() == audio.tolist()


def test_a_long_file_is_read_whole() -> None:
    """Longer than one block of the conversion, in frames that do not divide it evenly."""
    wave = (np.arange(700_000) % 1_000).astype(np.int16)
    assert decode_wav(encode_wav(wave), name="long.wav").tolist() == wave.tolist()
