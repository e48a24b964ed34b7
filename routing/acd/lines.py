"""One waiting line: who waits for a queue, in the order of being served."""

from bisect import bisect_left, insort
from dataclasses import dataclass, field

from routing.acd.effects import WorkItem
from routing.events import AgentId, OfferId, WorkId
from routing.queues import QueueSettings

Place = tuple[int, float, int]
"""Sorts by priority (highest first), then by arrival."""


@dataclass(slots=True)
class Work:
    """One piece of work, from entering its queue until it is finished or has left."""

    item: WorkItem
    place: Place
    entered: float
    """Monotonic seconds; kept when an offer fails, so that nobody loses the place."""
    offer_id: OfferId | None = None
    agent_id: AgentId | None = None
    assigned: bool = False


@dataclass(slots=True)
class Line:
    queue: QueueSettings
    idle: set[AgentId] = field(default_factory=set)
    """Agents who could be offered this queue's work now."""
    offered: int = 0
    answered: int = 0
    abandoned: int = 0
    flowed_out: int = 0
    _places: list[tuple[Place, WorkId]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self._places)

    def add(self, work: Work) -> None:
        insort(self._places, (work.place, work.item.id))

    def remove(self, work: Work) -> None:
        at = bisect_left(self._places, (work.place, work.item.id))
        assert self._places[at][1] == work.item.id
        del self._places[at]

    def first(self) -> tuple[Place, WorkId] | None:
        return self._places[0] if self._places else None

    def position(self, work: Work) -> int:
        """1 is next."""
        return bisect_left(self._places, (work.place, work.item.id)) + 1

    def work_ids(self) -> tuple[WorkId, ...]:
        return tuple(work_id for _, work_id in self._places)
