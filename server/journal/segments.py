"""Append-only numbered files of event lines, and positions in them.

Plain blocking file work: the caller runs it in a thread.
"""

import os
from dataclasses import dataclass
from pathlib import Path

SEGMENT_BYTES = 16 * 1024 * 1024
_SUFFIX = ".jsonl"


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """Everything before it has been dealt with."""

    segment: int
    offset: int


@dataclass(frozen=True, slots=True)
class Batch:
    lines: tuple[bytes, ...]
    """Whole lines, each with its line end."""
    end: Position


class Segments:
    """The files of one folder; one writer, one reader, both of this process."""

    def __init__(self, folder: Path, *, segment_bytes: int = SEGMENT_BYTES) -> None:
        self._folder = folder
        self._segment_bytes = segment_bytes
        self._file: int | None = None
        self._current = 0
        self._size = 0

    def open(self) -> None:
        """Start a fresh segment, so that a line torn by a crash is never continued."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._current = max(self._numbers(), default=0)
        self._begin_segment()

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def append(self, data: bytes) -> None:
        """Write whole lines; after return a kill -9 of this process cannot lose them."""
        if self._size >= self._segment_bytes:
            self._begin_segment()
        assert self._file is not None, "open() comes first"
        rest = memoryview(data)
        while rest:
            written = os.write(self._file, rest)
            rest = rest[written:]
            self._size += written

    def read(self, start: Position, *, max_bytes: int) -> Batch:
        """The next whole lines after `start`, up to about `max_bytes`; none at the end."""
        position = start
        for number in sorted(n for n in self._numbers() if n >= start.segment):
            offset = position.offset if number == position.segment else 0
            with self._path(number).open("rb") as file:
                file.seek(offset)
                data = file.read(max_bytes)
            whole = data[: data.rfind(b"\n") + 1]
            if whole:
                end = Position(number, offset + len(whole))
                return Batch(tuple(whole.splitlines(keepends=True)), end)
            if len(data) == max_bytes:
                # One line longer than a batch: no event of ours is, so it is damage.
                return Batch((), Position(number + 1, 0))
            if number < self._current:
                position = Position(number + 1, 0)
        return Batch((), position)

    def drop_before(self, position: Position) -> None:
        """Delete the segments that hold nothing at or after `position`."""
        for number in self._numbers():
            if number < position.segment and number != self._current:
                self._path(number).unlink(missing_ok=True)

    def _begin_segment(self) -> None:
        self.close()
        self._current += 1
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self._file = os.open(self._path(self._current), flags, 0o600)
        self._size = 0

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:012d}{_SUFFIX}"

    def _numbers(self) -> list[int]:
        return [int(p.stem) for p in self._folder.glob(f"*{_SUFFIX}") if p.stem.isdecimal()]
