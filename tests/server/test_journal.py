import asyncio
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from server.event_codec import Event
from server.journal.journal import Journal, SinkUnavailable
from server.journal.segments import Position, Segments
from telephony.events import CallStarted
from tests.support.events import call_started


class Database:
    """A sink that keeps events and position together, as a transaction does."""

    def __init__(self) -> None:
        self.callers: list[str] = []
        self.at = Position(0, 0)
        self.away = False
        self.poison: str | None = None

    async def position(self) -> Position:
        if self.away:
            raise SinkUnavailable
        return self.at

    async def apply(self, events: Sequence[Event], end: Position) -> None:
        if self.away:
            raise SinkUnavailable
        callers = [event.caller for event in events if isinstance(event, CallStarted)]
        if self.poison in callers:
            raise ValueError("no such thing can be stored")
        self.callers += callers
        self.at = end


async def stored(journal: Journal, *, seconds: float = 5) -> None:
    async with asyncio.timeout(seconds):
        await journal.caught_up()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.01)


class Running:
    """A journal that runs as long as the block does."""

    def __init__(self, folder: Path, database: Database, *, segment_bytes: int = 1 << 20) -> None:
        self.journal = Journal(Segments(folder, segment_bytes=segment_bytes), database)

    async def __aenter__(self) -> Journal:
        self._task = asyncio.get_running_loop().create_task(self.journal.run())
        return self.journal

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task


async def test_events_arrive_in_order(tmp_path: Path) -> None:
    database = Database()
    async with Running(tmp_path, database) as journal:
        for n in range(500):
            journal.append(call_started(caller=str(n)))
        await stored(journal)
    assert database.callers == [str(n) for n in range(500)]


async def test_events_wait_while_the_database_is_away(tmp_path: Path) -> None:
    database = Database()
    async with Running(tmp_path, database) as journal:
        journal.append(call_started(caller="before"))
        await stored(journal)
        database.away = True
        journal.append(call_started(caller="meanwhile"))
        await until(lambda: journal.behind)
        database.away = False
        await stored(journal)
        await until(lambda: not journal.behind)
    assert database.callers == ["before", "meanwhile"]


async def test_next_process_carries_over_what_the_last_one_could_not(tmp_path: Path) -> None:
    database = Database()
    database.away = True
    async with Running(tmp_path, database) as journal:
        journal.append(call_started(caller="left behind"))
        await asyncio.sleep(0)
    database.away = False
    async with Running(tmp_path, database) as journal:
        journal.append(call_started(caller="new"))
        await stored(journal)
    assert database.callers == ["left behind", "new"]


async def test_nothing_is_applied_twice(tmp_path: Path) -> None:
    database = Database()
    for _ in range(3):
        async with Running(tmp_path, database) as journal:
            journal.append(call_started(caller="one"))
            await stored(journal)
    assert database.callers == ["one"] * 3


async def test_torn_last_line_of_a_crash_is_skipped(tmp_path: Path) -> None:
    database = Database()
    (tmp_path / "000000000001.jsonl").write_bytes(b'{"type":"CallStarted","data":{"ten')
    async with Running(tmp_path, database) as journal:
        journal.append(call_started(caller="after"))
        await stored(journal)
    assert database.callers == ["after"]


async def test_event_that_cannot_be_stored_costs_only_itself(tmp_path: Path) -> None:
    database = Database()
    database.poison = "bad"
    async with Running(tmp_path, database) as journal:
        for caller in ("good", "bad", "better"):
            journal.append(call_started(caller=caller))
        await stored(journal)
        assert journal.rejected == 1
    assert database.callers == ["good", "better"]


async def test_finished_segments_are_deleted(tmp_path: Path) -> None:
    database = Database()
    async with Running(tmp_path, database, segment_bytes=2_000) as journal:
        for n in range(100):
            journal.append(call_started(caller=str(n)))
            await stored(journal)
    assert len(os.listdir(tmp_path)) <= 2
    assert database.callers == [str(n) for n in range(100)]
