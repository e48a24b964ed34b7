"""Hands out what callers hear, spoken or from files, made once and kept on disk and in memory."""

import asyncio
import logging
import os
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import TypeAlias

import numpy as np

from media.audio import SAMPLE_RATE, Audio, silence
from media.music import default_music
from media.speech import PROCESSING_VERSION, PromptError, Speaker, clean_text
from media.wav import WavError, encode_wav, read_wav

__all__ = ["PromptError", "PromptStore"]

log = logging.getLogger(__name__)

_MEMORY_BYTES = 64 * 1024 * 1024
_DISK_BYTES = 512 * 1024 * 1024
_MUSIC_SECONDS = 30 * 60
"""The most of a music folder that is played before it starts again."""

_Stamp: TypeAlias = tuple[str, int, int]
"""A file's path, time of change in ns and size: whoever replaces the file is heard at once."""


class PromptStore:
    """Audio for prompts and music; arrays it returns are shared and therefore read-only."""

    def __init__(
        self,
        cache_folder: Path,
        *,
        files_folder: Path | None,
        voice: str,
        speaker: Speaker | None = None,
        memory_bytes: int = _MEMORY_BYTES,
        disk_bytes: int = _DISK_BYTES,
    ) -> None:
        self._files_folder = files_folder
        self.voice = voice
        self._speaker = speaker or Speaker()
        self._spoken = _SpokenFiles(cache_folder, disk_bytes)
        self._memory = _Memory(memory_bytes)
        self._under_way: dict[Hashable, asyncio.Future[Audio]] = {}

    async def say(self, text: str, voice: str | None = None) -> Audio:
        """`text` as speech; a PromptError names what is wrong in one line."""
        chosen, cleaned = voice or self.voice, clean_text(text)
        if not cleaned:
            return silence(100)

        async def make() -> Audio:
            name = _speech_name(cleaned, chosen)
            stored = await asyncio.to_thread(self._spoken.read, name)
            if stored is not None:
                return stored
            audio = await self._speaker.speak(cleaned, chosen)
            await asyncio.to_thread(self._spoken.write, name, audio)
            return audio

        return await self._once(("speech", chosen, cleaned), make)

    async def file(self, name: str) -> Audio:
        """The WAV called `name` in the folder for prompt files, or in a folder below it."""
        if self._files_folder is None:
            raise PromptError(f"{name!r}: no folder for prompt files is configured")
        path, stamp = await asyncio.to_thread(_find_file, self._files_folder, name)

        async def make() -> Audio:
            try:
                return await asyncio.to_thread(read_wav, path)
            except WavError as error:
                raise PromptError(str(error)) from error

        return await self._once(("file", stamp), make)

    async def sound(self, path: Path) -> Audio:
        """A WAV of ours that is never changed. Raises PromptError where it is not there."""

        async def make() -> Audio:
            try:
                return await asyncio.to_thread(read_wav, path)
            except WavError as error:
                raise PromptError(str(error)) from error

        return await self._once(("sound", str(path)), make)

    async def music(self, folder: Path | None) -> Audio:
        """What waiting callers hear, to be looped: every WAV of `folder` by name, or our own.

        A waiting caller must hear something, so files that cannot be played are logged and left
        out, and when nothing remains our own music takes their place.
        """
        if folder is None:
            return await self._once("music", lambda: asyncio.to_thread(default_music))
        chosen = folder
        stamps = await asyncio.to_thread(_list_music, chosen)

        async def make() -> Audio:
            audio = await asyncio.to_thread(_read_music, stamps)
            if not len(audio):
                log.warning("no music can be played, ours is", extra={"folder": str(chosen)})
                return await self.music(None)
            return audio

        return await self._once(("music", str(chosen), stamps), make)

    async def _once(self, key: Hashable, make: Callable[[], Awaitable[Audio]]) -> Audio:
        """What `make` returns; whoever asks for the same meanwhile waits for the same work.

        An error reaches everyone who waited, and is not kept. When the one who does the work is
        cancelled (a caller hung up), one of those who wait takes over.
        """
        while True:
            if (held := self._memory.get(key)) is not None:
                return held
            if (maker := self._under_way.get(key)) is None:
                return await self._make(key, make)
            await asyncio.wait([maker])
            if not maker.cancelled():
                return maker.result()

    async def _make(self, key: Hashable, make: Callable[[], Awaitable[Audio]]) -> Audio:
        done = self._under_way[key] = asyncio.get_running_loop().create_future()
        try:
            audio = await make()
            audio.setflags(write=False)
            self._memory.put(key, audio)
            done.set_result(audio)
        except PromptError as error:
            done.set_exception(error)
            done.exception()  # read, or asyncio complains when nobody waited for it
            raise
        finally:
            del self._under_way[key]
            done.cancel()  # without effect unless we were cancelled or met a fault of our own
        return audio


class _Memory:
    """The audio used last, up to a number of bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held: OrderedDict[Hashable, Audio] = OrderedDict()
        self._bytes = 0

    def get(self, key: Hashable) -> Audio | None:
        audio = self._held.get(key)
        if audio is not None:
            self._held.move_to_end(key)
        return audio

    def put(self, key: Hashable, audio: Audio) -> None:
        self._held[key] = audio
        self._bytes += audio.nbytes
        while self._bytes > self._limit:
            _, oldest = self._held.popitem(last=False)
            self._bytes -= oldest.nbytes


class _SpokenFiles:
    """Speech on disk, so that a restart does not speak everything anew; losing it costs time only.

    Its methods block and run in a thread.
    """

    def __init__(self, folder: Path, limit: int) -> None:
        self._folder = folder
        self._limit = limit
        self._writing = Lock()  # one thread at a time counts what is there and deletes

    def read(self, name: str) -> Audio | None:
        path = self._folder / name
        try:
            audio = read_wav(path)
            os.utime(path)  # used: not among the first to go
        except (WavError, OSError):
            return None
        return audio

    def write(self, name: str, audio: Audio) -> None:
        """Either the whole file appears under `name` or nothing does."""
        try:
            with self._writing:
                self._folder.mkdir(parents=True, exist_ok=True)
                self._make_room(audio.nbytes)
                new = self._folder / f"{name}.part"
                new.write_bytes(encode_wav(audio))
                new.replace(self._folder / name)
        except OSError as error:
            log.warning("speech was not stored", extra={"reason": str(error)})

    def _make_room(self, size: int) -> None:
        """Delete what has not been used for longest, also parts that a crash has left."""
        found = [(entry.stat(), entry.path) for entry in os.scandir(self._folder)]
        excess = sum(stat.st_size for stat, _ in found) + size - self._limit
        for stat, path in sorted(found, key=lambda item: item[0].st_mtime_ns):
            if excess <= 0:
                break
            os.unlink(path)
            excess -= stat.st_size


def _speech_name(text: str, voice: str) -> str:
    content = "\0".join([str(PROCESSING_VERSION), voice, text])
    return sha256(content.encode(errors="replace")).hexdigest() + ".wav"


def _stamp(path: Path) -> _Stamp:
    stat = path.stat()
    return (str(path), stat.st_mtime_ns, stat.st_size)


def _find_file(folder: Path, name: str) -> tuple[Path, _Stamp]:
    """Where `name` is; whatever leads out of the folder, a symbolic link too, is not there."""
    try:
        root = folder.resolve()
        path = (root / name).resolve()
        if not path.is_relative_to(root) or not path.is_file():
            raise PromptError(f"there is no prompt file {name!r}")
        return path, _stamp(path)
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        raise PromptError(f"there is no prompt file {name!r}") from error


def _list_music(folder: Path) -> tuple[_Stamp, ...]:
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix.lower() == ".wav")
        return tuple(_stamp(path) for path in paths if path.is_file())
    except OSError as error:
        log.warning("music folder cannot be read", extra={"reason": str(error)})
        return ()


def _read_music(stamps: tuple[_Stamp, ...]) -> Audio:
    """One piece after the other, with a second of silence after each."""
    parts, room = [silence(0)], _MUSIC_SECONDS * SAMPLE_RATE
    for path, _, _ in stamps:
        if room <= 0:
            log.warning("music folder is too long, the rest is left out", extra={"first": path})
            break
        try:
            audio = read_wav(Path(path))
        except WavError as error:
            log.warning("music file cannot be played", extra={"reason": str(error)})
            continue
        parts += [audio, silence(1_000)]
        room -= len(audio)
    return np.concatenate(parts)
