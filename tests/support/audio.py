"""What can be heard in a WAV file: tones by frequency, speech by its energy."""

import wave
from pathlib import Path

import av
import numpy as np
from av import AudioFrame, AudioStream
from numpy.typing import NDArray

Samples = NDArray[np.float64]


def write_tone(path: Path, frequency: float, *, seconds: int = 120) -> None:
    """A sine at half of full scale, 16 bit, 8000 Hz."""
    at = np.arange(seconds * 8_000) / 8_000
    samples = (16_000 * np.sin(2 * np.pi * frequency * at)).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8_000)
        file.writeframes(samples.tobytes())


def read_channels(path: Path) -> tuple[list[Samples], int]:
    """The channels of a 16-bit WAV file as -1.0 to 1.0, and the rate in Hz.

    A file that its writer has not closed yet is read as far as it goes.
    """
    with wave.open(str(path), "rb") as file:
        rate, channels = file.getframerate(), file.getnchannels()
        assert file.getsampwidth() == 2
        data = file.readframes(file.getnframes() or 1 << 30)
    whole = len(data) // (2 * channels) * 2 * channels
    samples = np.frombuffer(data[:whole], "<i2").reshape(-1, channels) / 32_768
    return [samples[:, n] for n in range(channels)], rate


def share_of_tone(samples: Samples, rate: int, frequency: float) -> float:
    """How much of the energy lies within 20 Hz of `frequency`: 0.0 to 1.0."""
    if len(samples) < rate // 10:
        return 0.0
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples)))) ** 2
    bins = np.fft.rfftfreq(len(samples), 1 / rate)
    near = spectrum[np.abs(bins - frequency) < 20].sum()
    return float(near / max(spectrum[bins > 50].sum(), 1e-12))


def seconds_of_tone(samples: Samples, rate: int, frequency: float) -> float:
    """For how long the tone is what one hears, in windows of 100 ms."""
    return len(places_of_tone(samples, rate, frequency)) / 10


def places_of_tone(samples: Samples, rate: int, frequency: float) -> list[int]:
    """The samples at which the windows of 100 ms begin in which one hears the tone."""
    window = rate // 10
    return [
        number * window
        for number, part in enumerate(_windows(samples, window))
        if level_db(part) > -45 and share_of_tone(part, rate, frequency) > 0.6
    ]


def seconds_of_sound(samples: Samples, rate: int, *, above_db: float = -45) -> float:
    """For how long there is anything to hear, in windows of 100 ms."""
    return sum(level_db(part) > above_db for part in _windows(samples, rate // 10)) / 10


def level_db(samples: Samples) -> float:
    """RMS level in dB below full scale."""
    return 20 * float(np.log10(max(np.sqrt(np.mean(np.square(samples))), 1e-9)))


def _windows(samples: Samples, size: int) -> list[Samples]:
    return [samples[i : i + size] for i in range(0, len(samples) - size + 1, size)]


CODECS = {"wav": "pcm_s16le", "mp3": "libmp3lame", "ogg": "libopus", "m4a": "aac", "flac": "flac"}
"""A codec for each kind of file that people upload."""


def encoded_tone(
    path: Path, frequency: float, *, seconds: float = 2.0, full_scale: float = 0.9
) -> Path:
    """A sine in stereo at 48 kHz, encoded as the suffix of `path` says."""
    rate = 48_000
    wave_form = full_scale * np.sin(2 * np.pi * frequency * np.arange(int(seconds * rate)) / rate)
    both = np.ascontiguousarray(np.vstack([wave_form, wave_form]).astype(np.float32))
    frame = AudioFrame.from_ndarray(both, format="fltp", layout="stereo")
    frame.rate = rate
    with av.open(str(path), "w") as container:
        stream = container.add_stream(CODECS[path.suffix[1:]], rate=rate)
        assert isinstance(stream, AudioStream)
        stream.layout = "stereo"
        for each in (frame, None):
            container.mux(stream.encode(each))
    return path
