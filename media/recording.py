"""What a recording is while it runs, and what is known of it afterwards."""

import asyncio
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from media.leg import MediaLeg

RATE = 8_000
FAULTS = {0: "", 1: "disk_full", 2: "write_error", 3: "overrun", 4: "too_long"}
"""The engine's numbers; they must agree with recorder.h."""


@dataclass(frozen=True, slots=True)
class RecordingResult:
    path: Path
    duration_ms: int
    size_bytes: int
    sha256: str
    channels: int
    complete: bool
    """False when recording had to stop before it was told to, or sound is missing in between."""
    reason: str
    """Why it is not complete: `disk_full`, `write_error`, `overrun` when the disk was too slow, or
    `too_long` for a WAV file; else empty."""


class RecordingControl(Protocol):
    """What a recording asks of the engine."""

    def hear(self, number: int, leg: "MediaLeg", side: int, *, heard: bool) -> None: ...
    def pause_recording(self, number: int, paused: bool) -> None: ...
    async def stop_recording(self, number: int) -> tuple[int, int]: ...


class Recording:
    """One WAV file being written. It plays up to the last second even if we are killed."""

    def __init__(
        self, control: RecordingControl, number: int, path: Path, *, channels: int
    ) -> None:
        self._control = control
        self._number = number
        self._path = path
        self._channels = channels
        self._result: RecordingResult | None = None
        self._stopping = asyncio.Lock()
        self.failed = False
        self.on_failure: Callable[[str], None] | None = None
        """Told the reason once, if recording has to stop early; the call goes on."""

    def add(self, leg: "MediaLeg", *, left: bool = False) -> None:
        """Record what the leg says on the right side, or the left, with whoever is there already.

        At most eight legs are heard on a side. Raises MediaError.
        """
        self._control.hear(self._number, leg, 0 if left else 1, heard=True)

    def remove(self, leg: "MediaLeg") -> None:
        """Record the leg no more, on whichever side it was; a leg that closes is removed."""
        for side in (0, 1):
            self._control.hear(self._number, leg, side, heard=False)

    def pause(self) -> None:
        """Write silence until `resume`."""
        self._control.pause_recording(self._number, True)

    def resume(self) -> None:
        self._control.pause_recording(self._number, False)

    def fail(self, fault: int) -> None:
        """The engine could not write any more."""
        if not self.failed:
            self.failed = True
            if self.on_failure is not None:
                self.on_failure(FAULTS.get(fault, "write_error"))

    async def stop(self) -> RecordingResult:
        """Finish the file. Stopping twice gives the same result."""
        async with self._stopping:
            return await self._stop_once()

    async def _stop_once(self) -> RecordingResult:
        if self._result is None:
            sound_bytes, fault = await self._control.stop_recording(self._number)
            size, digest = await _size_and_digest(self._path)
            self._result = RecordingResult(
                path=self._path,
                duration_ms=sound_bytes * 1_000 // (2 * self._channels * RATE),
                size_bytes=size,
                sha256=digest,
                channels=self._channels,
                complete=not fault,
                reason=FAULTS.get(fault, "write_error"),
            )
        return self._result


async def _size_and_digest(path: Path) -> tuple[int, str]:
    return await asyncio.to_thread(_read, path)


def _read(path: Path) -> tuple[int, str]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return file.tell(), digest
