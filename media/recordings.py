"""The recordings of one engine that run, and the orders about them."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

from media.errors import EngineStopped, MediaError
from media.leg import MediaLeg
from media.native._engine import NativeLeg
from media.orders import EngineAccess, orders
from media.recording import Recording


class Recordings:
    def __init__(self, engine: EngineAccess, alarm: Callable[[str], None]) -> None:
        self._engine = engine
        self._alarm = alarm
        self._running: dict[int, Recording] = {}
        self._shards: dict[int, int] = {}
        self._ended: dict[int, asyncio.Future[tuple[int, int]]] = {}

    def __len__(self) -> int:
        return len(self._running)

    def open(self, path: Path, *, left: MediaLeg, right: MediaLeg | None) -> Recording:
        if right is not None and right.native.shard != left.native.shard:
            raise MediaError("legs of two media threads cannot be recorded together")
        channels = 1 if right is None else 2
        shard = left.native.shard
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with orders():
                number = self._engine.native.record(
                    shard, left.native.phase, descriptor, channels, *_sides(left, right)
                )
        except BaseException:
            os.close(descriptor)
            path.unlink(missing_ok=True)
            raise
        recording = self._running[number] = Recording(self, number, path, channels=channels)
        self._ended[number] = asyncio.get_running_loop().create_future()
        self._shards[number] = shard
        return recording

    # --- for a recording

    def hear(self, number: int, leg: MediaLeg, side: int, *, heard: bool) -> None:
        shard = self._shards.get(number)
        if shard is not None and not leg.is_closing:
            if leg.native.shard != shard:
                raise MediaError("legs of two media threads cannot be recorded together")
            with orders():
                self._engine.native.hear(shard, number, leg.native, side, heard)

    def pause_recording(self, number: int, paused: bool) -> None:
        shard = self._shards.get(number)
        if shard is not None:
            with orders():
                self._engine.native.pause(shard, number, paused)

    async def stop_recording(self, number: int) -> tuple[int, int]:
        """Bytes of sound written, and the engine's fault code."""
        ended = self._ended[number]
        shard = self._shards.get(number)
        if not ended.done() and shard is not None and self._engine.is_running:
            with orders():
                self._engine.native.stop_recording(shard, number)
        try:
            return await asyncio.shield(ended)
        finally:
            if ended.done():
                self._ended.pop(number, None)

    # --- for the engine

    def ended(self, number: int, sound_bytes: int, fault: int) -> None:
        self._running.pop(number)
        self._shards.pop(number)
        ended = self._ended[number]
        if not ended.done():
            ended.set_result((sound_bytes, fault))

    def failed(self, number: int, fault: int) -> None:
        """The file takes no more; the call goes on."""
        self._alarm("recording stopped: its disk is full or cannot be written, or it is too long")
        self._running[number].fail(fault)

    def give_up(self) -> None:
        """The engine has stopped: what has not ended never will."""
        for ended in self._ended.values():
            if not ended.done():
                ended.set_exception(EngineStopped("the media engine has stopped"))


def _sides(left: object, right: object) -> tuple[NativeLeg | None, NativeLeg | None]:
    """What a recording hears of them: a leg that is closing is silence already."""
    one, two = (
        leg.native if isinstance(leg, MediaLeg) and not leg.is_closing else None
        for leg in (left, right)
    )
    return one, two
