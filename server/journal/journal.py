"""Carries every event into the database exactly once, also across crashes of either side.

An event is first written to a local segment file, then applied to the database in the same
transaction that moves the reader's position on. While the database is away the files wait.
"""

import asyncio
import logging
import threading
from collections.abc import Sequence
from typing import Protocol

from server.event_codec import Event, UndecodableEvent, decode, encode
from server.journal.segments import Batch, Position, Segments

log = logging.getLogger(__name__)

_BATCH_BYTES = 256 * 1024
_RETRY_SECONDS = (0.1, 0.5, 1.0, 2.0)


class SinkUnavailable(Exception):
    """The database cannot be reached now; the same batch is tried again later."""


class JournalSink(Protocol):
    """Where events end up."""

    async def position(self) -> Position: ...

    async def apply(self, events: Sequence[Event], end: Position) -> None:
        """Apply all events and store `end`, both or neither.

        Raises SinkUnavailable when it should be tried again; any other exception means that
        one of the events cannot be applied at all.
        """


class Journal:
    def __init__(self, segments: Segments, sink: JournalSink) -> None:
        self._segments = segments
        self._sink = sink
        self._pending: list[bytes] = []
        self._flushing = threading.Lock()
        self._written = asyncio.Event()
        self._wanted = asyncio.Event()
        self._idle = asyncio.Event()
        self._position: Position | None = None
        self.behind = False
        """True while the database is away and events wait in files."""
        self.rejected = 0
        """Events that could not be applied: a fault of ours, kept in the log."""

    def append(self, event: Event) -> None:
        """Take an event; it is on disk a moment later."""
        self._pending.append(encode(event).line)
        self._idle.clear()
        self._wanted.set()

    async def run(self) -> None:
        """Write and apply until cancelled; what is pending then is still written."""
        self._segments.open()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._write(), name="journal writer")
                tasks.create_task(self._apply(), name="journal reader")
        finally:
            # No await may stand here: cancellation must not lose the last events. A write that
            # still goes on in its thread is waited for by the lock.
            self._flush()
            self._segments.close()

    async def caught_up(self) -> None:
        """Return when everything appended so far is in the database."""
        await self._idle.wait()

    async def _write(self) -> None:
        while True:
            await self._wanted.wait()
            await asyncio.to_thread(self._flush)
            if not self._pending:
                self._wanted.clear()
            self._written.set()

    def _flush(self) -> None:
        with self._flushing:
            taken = len(self._pending)
            if taken:
                self._segments.append(b"".join(self._pending[:taken]))
                del self._pending[:taken]

    async def _apply(self) -> None:
        attempt = 0
        while True:
            try:
                caught_up = await self._apply_next()
            except SinkUnavailable:
                if not self.behind:
                    log.warning("database is away: records wait in the journal")
                self.behind = True
                await asyncio.sleep(_RETRY_SECONDS[min(attempt, len(_RETRY_SECONDS) - 1)])
                attempt += 1
                continue
            if self.behind:
                log.info("database is back: records of the journal are being stored")
            self.behind, attempt = False, 0
            if caught_up:
                if not (self._pending or self._wanted.is_set() or self._written.is_set()):
                    self._idle.set()
                await self._written.wait()

    async def _apply_next(self) -> bool:
        """Carry one batch over; True when nothing is left to carry."""
        if self._position is None:
            self._position = await self._sink.position()
        self._written.clear()
        batch = await asyncio.to_thread(self._segments.read, self._position, max_bytes=_BATCH_BYTES)
        if not batch.lines:
            moved, self._position = batch.end != self._position, batch.end
            return not moved
        self._written.set()
        await self._apply_batch(batch)
        self._position = batch.end
        await asyncio.to_thread(self._segments.drop_before, batch.end)
        return False

    async def _apply_batch(self, batch: Batch) -> None:
        events = [event for line in batch.lines if (event := self._decoded(line)) is not None]
        try:
            await self._sink.apply(events, batch.end)
        except SinkUnavailable:
            raise
        except Exception:
            log.exception("a batch of records failed; storing them one by one")
            await self._apply_one_by_one(events, batch.end)

    async def _apply_one_by_one(self, events: Sequence[Event], end: Position) -> None:
        assert self._position is not None
        for event in events:
            try:
                await self._sink.apply([event], self._position)
            except SinkUnavailable:
                raise
            except Exception:
                self.rejected += 1
                log.exception("record refused", extra={"line": encode(event).line.decode()})
        await self._sink.apply([], end)

    def _decoded(self, line: bytes) -> Event | None:
        try:
            return decode(line)
        except UndecodableEvent as error:
            self.rejected += 1
            log.error("journal line cannot be read", extra={"error": str(error)})
            return None
