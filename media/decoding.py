"""Turns a sound file from outside into one that the engine plays; a program of its own.

`python -m media.decoding <source> <target> <dBFS>`: libav is large and reads what strangers made,
so that it runs where a fault costs this file only, with little memory and no time to waste.
It says in one line what is wrong with a file, and exits with 1.
"""

import os
import resource
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import av
import numpy as np
from av.audio.resampler import AudioResampler

from media.audio import SAMPLE_RATE
from media.loudness import Samples, Silent, levelled
from media.wav import to_int16, write_wav

MAX_SECONDS = 15 * 60
_CPU_SECONDS, _MEMORY_BYTES, _FILE_BYTES = 60, 1 << 30, 64 << 20
_LOUDEST = 8.0
_MOST_FAULTS = 20
"""Damaged packets that are skipped: real files have some, at either end."""


class BadSound(Exception):
    """The file cannot be used; the message is one line for whoever sent it."""


def main(source: str, target: str, target_dbfs: str) -> int:
    _limit()
    try:
        with Path(source).open("rb") as file:
            samples = levelled(_decoded(file), float(target_dbfs))
        write_wav(Path(target), to_int16(samples))
    except (BadSound, Silent) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except (av.FFmpegError, ValueError, MemoryError):
        sys.stderr.write("it is damaged, or no sound file\n")
        return 1
    return 0


def _limit() -> None:
    os.nice(10)
    for what, most in (
        (resource.RLIMIT_CPU, _CPU_SECONDS),
        (resource.RLIMIT_AS, _MEMORY_BYTES),
        (resource.RLIMIT_FSIZE, _FILE_BYTES),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (most, most))


def container_of(start: bytes) -> str:
    """libav's name for the format by the first bytes. Raises BadSound.

    libav is not left to guess: among what it knows are play lists, which open other files.
    """
    if start[:4] == b"RIFF" and start[8:12] == b"WAVE":
        return "wav"
    if start[:4] == b"OggS":
        return "ogg"
    if start[:4] == b"fLaC":
        return "flac"
    if start[4:8] == b"ftyp":
        return "mov"
    # An MPEG frame begins with eleven bits set, and has a layer.
    is_frame = len(start) > 1 and start[0] == 0xFF and start[1] & 0xE0 == 0xE0 and start[1] & 0x06
    if start[:3] == b"ID3" or is_frame:
        return "mp3"
    raise BadSound("it is no WAV, MP3, OGG, M4A or FLAC file")


def _decoded(file: BinaryIO) -> Samples:
    """The first sound in the file, 8 kHz mono."""
    form = container_of(file.read(12))
    file.seek(0)
    parts, length = [np.zeros(0, dtype=np.float32)], 0
    with av.open(file, "r", format=form, metadata_errors="replace") as container:
        if not container.streams.audio:
            raise BadSound("there is no sound in it")
        for part in _parts(container):
            parts.append(part)
            length += len(part)
            if length > MAX_SECONDS * SAMPLE_RATE:
                raise BadSound(f"it is longer than {MAX_SECONDS // 60} minutes")
    samples = np.concatenate(parts)
    np.nan_to_num(samples, copy=False, nan=0.0)
    # Two channels in one may be louder than either; what is far beyond is no sound.
    return samples.clip(-_LOUDEST, _LOUDEST)


def _parts(container: av.container.InputContainer) -> Iterator[Samples]:
    resampler = AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)
    stream = container.streams.audio[0]
    stream.codec_context.thread_count = 1
    faults = 0
    for packet in container.demux(stream):
        try:
            frames = packet.decode()
        except av.InvalidDataError:
            faults += 1
            if faults > _MOST_FAULTS:
                raise
            continue
        for frame in frames:
            yield from map(_samples, resampler.resample(frame))
    yield from map(_samples, resampler.resample(None))


def _samples(frame: av.AudioFrame) -> Samples:
    return np.asarray(frame.to_ndarray(), dtype=np.float32).reshape(-1)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:4]))
