"""Reads WAV files of any PCM form into the audio Murima works with, and writes that audio."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from struct import pack, unpack_from

import numpy as np
from numpy.typing import NDArray

from media.audio import SAMPLE_RATE, Audio
from media.errors import MediaError
from media.resampling import HIGHEST_RATE, LOWEST_RATE, resample

MAX_BYTES = 64 * 1024 * 1024
MAX_SECONDS = 15 * 60
MAX_CHANNELS = 8

_INTEGER, _FLOAT, _EXTENSIBLE = 0x0001, 0x0003, 0xFFFE
_OTHER_FORMATS = {0x0002: "ADPCM", 0x0006: "A-law", 0x0007: "mu-law", 0x0055: "MP3"}
_BLOCK_FRAMES = 1 << 18
"""Frames converted at a time: a long file in several channels is never held as floats whole."""


class WavError(MediaError):
    """A file is not a WAV that can be played; the message names it and says why."""

    code = "bad_wav"


@dataclass(frozen=True, slots=True)
class _Format:
    is_float: bool
    bits: int
    channels: int
    rate: int

    @property
    def frame_bytes(self) -> int:
        return self.channels * self.bits // 8


def read_wav(path: Path) -> Audio:
    """The file's sound as 8 kHz mono: channels averaged, other rates resampled."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise WavError(f"{path.name}: {error.strerror or error}") from error
    return decode_wav(data, name=path.name)


def decode_wav(data: bytes, *, name: str) -> Audio:
    """As `read_wav`, of a file already in memory; `name` is for the message of a WavError."""
    try:
        if len(data) > MAX_BYTES:
            raise WavError(f"larger than {MAX_BYTES // 1024**2} MB")
        form, payload = _parse(data)
        return to_int16(resample(_mono(payload, form), form.rate))
    except WavError as error:
        raise WavError(f"{name}: {error}") from None


def encode_wav(audio: Audio, *, rate: int = SAMPLE_RATE) -> bytes:
    """A mono 16 bit WAV file."""
    payload = audio.astype("<i2").tobytes()
    return (
        pack("<4sI4s", b"RIFF", 36 + len(payload), b"WAVE")
        + pack("<4sIHHIIHH", b"fmt ", 16, _INTEGER, 1, rate, 2 * rate, 2, 16)
        + pack("<4sI", b"data", len(payload))
        + payload
    )


def write_wav(path: Path, audio: Audio, *, rate: int = SAMPLE_RATE) -> None:
    path.write_bytes(encode_wav(audio, rate=rate))


def to_int16(samples: NDArray[np.float32]) -> Audio:
    """Round samples of -1 to 1 to 16 bit; what is outside is clipped."""
    return np.rint(np.clip(samples * 32_768, -32_768, 32_767)).astype(np.int16)


def _parse(data: bytes) -> tuple[_Format, memoryview]:
    if len(data) < 12 or data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        raise WavError("not a WAV file")
    form: _Format | None = None
    for kind, body in _chunks(data):
        if kind == b"fmt ":
            form = _parse_format(body)
        elif kind == b"data":
            if form is None:
                raise WavError("sound comes before its description")
            whole = len(body) // form.frame_bytes * form.frame_bytes
            if whole // form.frame_bytes > MAX_SECONDS * form.rate:
                raise WavError(f"longer than {MAX_SECONDS // 60} minutes")
            return form, body[:whole]
    raise WavError("holds no sound")


def _chunks(data: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """The chunks after the RIFF header; one that claims more than there is ends with the file.

    Programs that write to a pipe cannot know the length and put an enormous one in the header.
    """
    view, position = memoryview(data), 12
    while position + 8 <= len(data):
        kind, size = unpack_from("<4sI", data, position)
        position += 8
        yield kind, view[position : position + size]
        position += size + size % 2  # chunks start at even positions


def _parse_format(body: memoryview) -> _Format:
    if len(body) < 16:
        raise WavError("its description of the format is cut off")
    tag, channels, rate, _, _, bits = unpack_from("<HHIIHH", body)
    if tag == _EXTENSIBLE and len(body) >= 26:
        (tag,) = unpack_from("<H", body, 24)  # the first two bytes of the sub-format's GUID
    sizes = {_INTEGER: (8, 16, 24, 32), _FLOAT: (32, 64)}.get(tag)
    if sizes is None:
        raise WavError(f"encoded as {_OTHER_FORMATS.get(tag, f'format {tag:#06x}')}, not PCM")
    if bits not in sizes:
        raise WavError(f"{bits} bits a sample cannot be read")
    if not 1 <= channels <= MAX_CHANNELS:
        raise WavError(f"{channels} channels cannot be read")
    if not LOWEST_RATE <= rate <= HIGHEST_RATE:
        raise WavError(f"{rate} samples a second cannot be read")
    return _Format(is_float=tag == _FLOAT, bits=bits, channels=channels, rate=rate)


def _mono(payload: memoryview, form: _Format) -> NDArray[np.float32]:
    block_bytes = _BLOCK_FRAMES * form.frame_bytes
    blocks = [np.zeros(0, dtype=np.float32)]
    for start in range(0, len(payload), block_bytes):
        samples = _samples(payload[start : start + block_bytes], form)
        blocks.append(samples.reshape(-1, form.channels).mean(axis=1, dtype=np.float32))
    return np.concatenate(blocks)


def _samples(payload: memoryview, form: _Format) -> NDArray[np.float32]:
    """Samples scaled to -1 to 1, channels still interleaved."""
    if form.is_float:
        wide = np.frombuffer(payload, dtype=f"<f{form.bits // 8}")
        floats = wide.clip(-1, 1).astype(np.float32)
        floats[np.isnan(floats)] = 0
        return floats
    full_scale = float(2 ** (form.bits - 1))
    return (_integers(payload, form.bits) / full_scale).astype(np.float32)


def _integers(payload: memoryview, bits: int) -> NDArray[np.int32]:
    """Signed samples in the range that `bits` gives them."""
    if bits == 8:  # the only size that is unsigned
        return np.frombuffer(payload, dtype=np.uint8).astype(np.int32) - 128
    if bits == 24:
        wide = np.zeros((len(payload) // 3, 4), dtype=np.uint8)
        wide[:, 1:] = np.frombuffer(payload, dtype=np.uint8).reshape(-1, 3)
        return wide.view("<i4").ravel() >> 8
    return np.frombuffer(payload, dtype=f"<i{bits // 8}").astype(np.int32)
