"""Sounds that somebody uploaded or had spoken, as files that the engine plays."""

import asyncio
import sys
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from uuid import UUID

from media.audio import SAMPLE_RATE, Audio
from media.errors import MediaError
from media.wav import write_wav

_WAV_HEADER_BYTES = 44


class BadSoundFile(MediaError):
    """What was uploaded cannot be played; the message is one line for whoever uploaded it."""

    code = "bad_sound_file"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSound:
    duration_ms: int
    size_bytes: int
    sha256: str


class SoundFiles:
    """One file for each sound, named by two ids: nothing that anybody sends becomes a path."""

    def __init__(
        self, folder: Path, *, seconds: float = 60.0, program: str = sys.executable
    ) -> None:
        """`seconds` is how long reading one upload may take."""
        self._folder = folder
        self._seconds = seconds
        self._program = program
        self._turn = asyncio.Semaphore(1)

    def path(self, owner: UUID, sound: UUID) -> Path:
        return self._folder / str(owner) / f"{sound}.wav"

    def upload_path(self, owner: UUID, sound: UUID) -> Path:
        """Where an upload is put until `convert` has read it."""
        return self._folder / str(owner) / f"{sound}.upload"

    def tidy(self) -> None:
        """Remove uploads that a killed server has left; comes before any new one."""
        for left in self._folder.glob("*/*.upload"):
            left.unlink(missing_ok=True)

    async def prepare(self, owner: UUID) -> None:
        folder = self._folder / str(owner)
        await asyncio.to_thread(folder.mkdir, mode=0o700, parents=True, exist_ok=True)

    async def convert(self, owner: UUID, sound: UUID, *, target_dbfs: float) -> StoredSound:
        """Make the sound of its upload, at that level. Raises BadSoundFile.

        It is done in a process, one at a time: calls on this machine notice nothing of it.
        """
        source, target = self.upload_path(owner, sound), self.path(owner, sound)
        try:
            async with self._turn:
                await self._decode(source, target, target_dbfs)
            return await asyncio.to_thread(_measured, target)
        except BaseException:
            target.unlink(missing_ok=True)
            raise

    async def store(self, owner: UUID, sound: UUID, audio: Audio) -> StoredSound:
        """Keep what is ready to be played."""
        path = self.path(owner, sound)
        await self.prepare(owner)
        await asyncio.to_thread(write_wav, path, audio)
        return await asyncio.to_thread(_measured, path)

    async def remove(self, owner: UUID, sound: UUID) -> None:
        """The sound and what is left of its upload; no matter whether they are there."""
        for path in (self.upload_path(owner, sound), self.path(owner, sound)):
            await asyncio.to_thread(path.unlink, missing_ok=True)

    async def remove_upload(self, owner: UUID, sound: UUID) -> None:
        await asyncio.to_thread(self.upload_path(owner, sound).unlink, missing_ok=True)

    async def _decode(self, source: Path, target: Path, target_dbfs: float) -> None:
        process = await asyncio.create_subprocess_exec(
            *(self._program, "-m", "media.decoding", str(source), str(target), str(target_dbfs)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            env={"PYTHONPATH": _packages(), "OPENBLAS_NUM_THREADS": "1"},
        )
        try:
            async with asyncio.timeout(self._seconds):
                _, complaint = await process.communicate()
        except TimeoutError:
            raise BadSoundFile(f"it takes more than {self._seconds:g} s to be read") from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode != 0:
            lines = complaint.decode(errors="replace").strip().splitlines()
            # Only 1 is our own program's word; anything else is libav that broke.
            plain = process.returncode == 1 and len(lines) == 1
            raise BadSoundFile(lines[0][:200] if plain else "it is damaged, or no sound file")


def _packages() -> str:
    return str(Path(__file__).resolve().parent.parent)


def _measured(path: Path) -> StoredSound:
    content = path.read_bytes()
    samples = (len(content) - _WAV_HEADER_BYTES) // 2
    return StoredSound(
        duration_ms=max(1, samples * 1_000 // SAMPLE_RATE),
        size_bytes=len(content),
        sha256=sha256(content).hexdigest(),
    )
