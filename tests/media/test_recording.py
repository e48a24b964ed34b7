"""What is known of a recording when it has been stopped."""

import hashlib
from pathlib import Path

import pytest

from media.recording import Recording


class Engine:
    """Stands for the engine: says how much was written and what went wrong."""

    def __init__(self, sound_bytes: int, fault: int) -> None:
        self._told = sound_bytes, fault

    def hear(self, number: int, leg: object, side: int, *, heard: bool) -> None: ...
    def pause_recording(self, number: int, paused: bool) -> None: ...

    async def stop_recording(self, number: int) -> tuple[int, int]:
        return self._told


@pytest.mark.parametrize(
    ("fault", "complete", "reason"),
    [
        (0, True, ""),
        (1, False, "disk_full"),
        (2, False, "write_error"),
        (3, False, "overrun"),
        (4, False, "too_long"),
    ],
)
async def test_recording_is_complete_only_if_nothing_of_it_is_missing(
    fault: int, complete: bool, reason: str, tmp_path: Path
) -> None:
    path = tmp_path / "call.wav"
    path.write_bytes(b"sound")
    recording = Recording(Engine(32_000, fault), 1, path, channels=2)
    result = await recording.stop()
    assert (result.complete, result.reason) == (complete, reason)
    assert (result.duration_ms, result.size_bytes) == (1_000, 5)
    assert result.sha256 == hashlib.sha256(b"sound").hexdigest()
