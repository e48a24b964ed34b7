"""Whatever is uploaded becomes a file that the engine plays, or one line that says why not."""

import os
import stat
from hashlib import sha256
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from media.decoding import BadSound, container_of
from media.loudness import MUSIC_DBFS
from media.sound_files import BadSoundFile, SoundFiles
from media.wav import read_wav
from tests.support.audio import CODECS, encoded_tone, level_db, read_channels, share_of_tone

OWNER = UUID(int=7)


async def uploaded(files: SoundFiles, content: bytes) -> UUID:
    id = uuid4()
    await files.prepare(OWNER)
    files.upload_path(OWNER, id).write_bytes(content)
    return id


@pytest.mark.parametrize("kind", CODECS)
async def test_b08_uploads_of_every_kind_are_converted_and_normalised(
    tmp_path: Path, kind: str
) -> None:
    files = SoundFiles(tmp_path / "sounds")
    content = encoded_tone(tmp_path / f"tone.{kind}", 620, seconds=2).read_bytes()
    id = await uploaded(files, content)
    stored = await files.convert(OWNER, id, target_dbfs=MUSIC_DBFS)
    path = files.path(OWNER, id)
    assert path == tmp_path / "sounds" / str(OWNER) / f"{id}.wav"
    [heard], rate = read_channels(path)
    assert rate == 8_000
    assert share_of_tone(heard, rate, 620) > 0.95
    assert level_db(heard[4_000:12_000]) == pytest.approx(MUSIC_DBFS, abs=0.3)
    assert 1_950 < stored.duration_ms < 2_100
    assert stored.size_bytes == path.stat().st_size
    assert stored.sha256 == sha256(path.read_bytes()).hexdigest()
    assert len(read_wav(path)) // 8 == stored.duration_ms


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "it is no WAV, MP3, OGG, M4A or FLAC file"),
        (b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", "it is no WAV, MP3, OGG, M4A or FLAC file"),
        (b"ffconcat version 1.0\nfile /etc/passwd", "it is no WAV, MP3, OGG, M4A or FLAC file"),
        (b"OggS" + bytes(5_000), "it is damaged, or no sound file"),
        (b"RIFF\0\0\0\0WAVE" + b"\xff" * 5_000, "it is damaged, or no sound file"),
        (b"\0\0\0\x18ftypM4A " + b"\x7f" * 5_000, "it is damaged, or no sound file"),
        (b"ID3" + os.urandom(5_000), "it is damaged, or no sound file"),
    ],
)
async def test_what_is_no_sound_is_refused_in_one_line(
    tmp_path: Path, content: bytes, complaint: str
) -> None:
    files = SoundFiles(tmp_path)
    id = await uploaded(files, content)
    with pytest.raises(BadSoundFile) as refused:
        await files.convert(OWNER, id, target_dbfs=MUSIC_DBFS)
    assert str(refused.value) in (
        complaint,
        "there is no sound in it",
        "nothing can be heard in it",
    )
    assert not files.path(OWNER, id).exists()


async def test_silence_is_refused(tmp_path: Path) -> None:
    files = SoundFiles(tmp_path)
    quiet = encoded_tone(tmp_path / "quiet.flac", 620, full_scale=0.0)
    id = await uploaded(files, quiet.read_bytes())
    with pytest.raises(BadSoundFile, match=r"^nothing can be heard in it$"):
        await files.convert(OWNER, id, target_dbfs=MUSIC_DBFS)


async def test_small_file_of_endless_sound_is_refused(tmp_path: Path) -> None:
    files = SoundFiles(tmp_path)
    # 14 MB of 8 bit at 8 kHz are half an hour.
    samples = 8_000 * 1_800
    header = (
        b"RIFF"
        + (36 + samples).to_bytes(4, "little")
        + b"WAVEfmt "
        + bytes.fromhex("10000000 0100 0100 401f0000 401f0000 0100 0800")
        + b"data"
        + samples.to_bytes(4, "little")
    )
    id = await uploaded(files, header + b"\x10\xf0" * (samples // 2))
    with pytest.raises(BadSoundFile, match=r"^it is longer than 15 minutes$"):
        await files.convert(OWNER, id, target_dbfs=MUSIC_DBFS)


@pytest.mark.parametrize(
    ("script", "complaint"),
    [
        ("exec sleep 60", "it takes more than 0.5 s to be read"),
        ("kill -SEGV $$", "it is damaged, or no sound file"),
        ("echo Traceback >&2; echo secret >&2; exit 1", "it is damaged, or no sound file"),
    ],
)
async def test_reader_that_hangs_or_breaks_costs_this_file_only(
    tmp_path: Path, script: str, complaint: str
) -> None:
    program = tmp_path / "reads"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    files = SoundFiles(tmp_path, seconds=0.5, program=str(program))
    id = await uploaded(files, b"")
    with pytest.raises(BadSoundFile) as refused:
        await files.convert(OWNER, id, target_dbfs=MUSIC_DBFS)
    assert str(refused.value) == complaint


async def test_upload_that_a_killed_server_has_left_is_removed(tmp_path: Path) -> None:
    files = SoundFiles(tmp_path)
    id = await uploaded(files, b"half of it")
    files.path(OWNER, id).write_bytes(b"kept")
    files.tidy()
    assert not files.upload_path(OWNER, id).exists()
    assert files.path(OWNER, id).read_bytes() == b"kept"


def test_format_is_told_by_the_first_bytes() -> None:
    assert container_of(b"\xff\xfb\x90\x00") == "mp3"
    for start in (b"\xff", b"\xff\xf1\x50\x80", b"RIFF\0\0\0\0AVI "):
        with pytest.raises(BadSound):
            container_of(start)
