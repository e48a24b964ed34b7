"""All deadlines of a user agent in one heap, so that one timer serves every machine."""

from collections.abc import Callable, Iterator
from heapq import heappop, heappush
from itertools import count
from typing import Protocol


class Waiting(Protocol):
    """Something that wants to be woken; it may change its mind about when at any time."""

    scheduled: float | None
    """Used by `Deadlines` alone: the earliest time at which it will look at this object."""

    def next_timeout(self) -> float | None: ...
    def handle_timeout(self, *, now: float) -> None: ...


class Alarm:
    """Calls back once, unless it is cancelled."""

    __slots__ = ("scheduled", "_at", "_callback")

    def __init__(self, at: float, callback: Callable[[], None]) -> None:
        self.scheduled: float | None = None
        self._at: float | None = at
        self._callback = callback

    def next_timeout(self) -> float | None:
        return self._at

    def handle_timeout(self, *, now: float) -> None:
        if self._at is not None and now >= self._at:
            self._at = None
            self._callback()

    def cancel(self) -> None:
        self._at = None


class Deadlines:
    """A deadline that moves later costs nothing: its object is looked at early, once."""

    def __init__(self, on_earlier: Callable[[float], None]) -> None:
        """`on_earlier` is told when the next deadline has come nearer."""
        self._on_earlier = on_earlier
        self._heap: list[tuple[float, int, Waiting]] = []
        self._order = count()

    def __len__(self) -> int:
        return len(self._heap)

    def watch(self, waiting: Waiting) -> None:
        """Call it whenever `next_timeout()` may have become earlier."""
        due = waiting.next_timeout()
        if due is None or (waiting.scheduled is not None and waiting.scheduled <= due):
            return
        waiting.scheduled = due
        heappush(self._heap, (due, next(self._order), waiting))
        if self._heap[0][2] is waiting:
            self._on_earlier(due)

    def next_timeout(self) -> float | None:
        return self._heap[0][0] if self._heap else None

    def handle_timeout(self, *, now: float) -> None:
        for waiting in self._take_due(now):
            due = waiting.next_timeout()
            if due is not None and due <= now:
                waiting.handle_timeout(now=now)
            self.watch(waiting)

    def _take_due(self, now: float) -> Iterator[Waiting]:
        while self._heap and self._heap[0][0] <= now:
            at, _, waiting = heappop(self._heap)
            if waiting.scheduled == at:  # else an earlier look has replaced this one
                waiting.scheduled = None
                yield waiting
