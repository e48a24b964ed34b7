"""One queue at run time: who waits in it, in the order of being served, and who could serve."""

from bisect import bisect_left, insort
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from routing.acd.effects import WorkItem
from routing.acd.tallies import Tally
from routing.agents import Agent
from routing.calendars import zone_of
from routing.events import AgentId, OfferId, WorkId
from routing.queues import QueueSettings

Place = tuple[int, float, int]
"""Sorts by priority (highest first), then by arrival; the last number makes it unique."""
Preference = tuple[float, int, str, AgentId]
"""Longest idle first, then the better one; the rest only makes it unambiguous."""
K = TypeVar("K", tuple[Place, WorkId], Preference)


@dataclass(slots=True)
class Work:
    """One piece of work, from entering its queue until it is finished or has left."""

    item: WorkItem
    place: Place
    entered: float
    """Monotonic seconds; kept when an offer fails, so that nobody loses the place."""
    offer_id: OfferId | None = None
    agent_id: AgentId | None = None
    """Who took it; None while it waits."""
    wrap_up_seconds: float = 0.0
    """Of its queue when it was taken: the queue may be gone at the end."""
    disposition_patience: float | None = None
    """How long after the talk a disposition is waited for; None when none is needed any more."""


@dataclass(slots=True)
class Line:
    queue: QueueSettings
    deserted_since: float | None
    """Since when nobody who serves the queue is logged in."""
    tally: Tally
    """Of the day that it was when something last happened."""
    dependent: int = 0
    """How many of those who wait do so only while somebody is logged in."""
    _places: list[tuple[Place, WorkId]] = field(default_factory=list)
    """All who wait."""
    _unrung: list[tuple[Place, WorkId]] = field(default_factory=list)
    """Those of them for whom nobody is being rung."""
    _idle: list[Preference] = field(default_factory=list)
    _preferences: dict[AgentId, Preference] = field(default_factory=dict)
    _logged_in: set[AgentId] = field(default_factory=set)

    def __len__(self) -> int:
        return len(self._places)

    # --- work

    def add(self, work: Work) -> None:
        insort(self._places, (work.place, work.item.id))
        insort(self._unrung, (work.place, work.item.id))
        self.dependent += work.item.needs_agents

    def remove(self, work: Work) -> None:
        """Take out work for which nobody is being rung."""
        _discard(self._unrung, (work.place, work.item.id))
        self.answer(work)

    def ring(self, work: Work) -> None:
        _discard(self._unrung, (work.place, work.item.id))

    def stop_ringing(self, work: Work) -> None:
        """The work can be offered again, from the same place."""
        insort(self._unrung, (work.place, work.item.id))

    def answer(self, work: Work) -> None:
        """Take out work for which somebody is being rung."""
        _discard(self._places, (work.place, work.item.id))
        self.dependent -= work.item.needs_agents

    def rank(self) -> tuple[int, int, Place] | None:
        """How urgent the first is who can be offered, lowest first; comparable between queues."""
        if not self._unrung:
            return None
        place, _ = self._unrung[0]
        return place[0], -self.queue.priority, place

    def first(self) -> WorkId:
        """Who can be offered next, where `rank` says there is somebody."""
        return self._unrung[0][1]

    def position(self, work: Work) -> int:
        """1 is next."""
        return bisect_left(self._places, (work.place, work.item.id)) + 1

    def work_ids(self) -> tuple[WorkId, ...]:
        return tuple(work_id for _, work_id in self._places)

    # --- the day

    def today(self, at: datetime) -> Tally:
        """The counts of the present day; whoever waits when it begins belongs to it."""
        day = at.astimezone(zone_of(self.queue.time_zone)).date()
        if day != self.tally.day:
            self.tally = Tally(day, offered=len(self))
        return self.tally

    # --- agents

    @property
    def agents_available(self) -> int:
        return len(self._idle)

    @property
    def agents_logged_in(self) -> int:
        return len(self._logged_in)

    def note(self, agent: Agent, now: float) -> None:
        """The state of an agent who serves this queue changed."""
        agent_id = agent.profile.id
        self._forget_idle(agent_id)
        if agent.is_idle:
            level = agent.profile.skills[self.queue.skill]
            preference = (agent.idle_since, -level, agent.profile.extension, agent_id)
            self._preferences[agent_id] = preference
            insort(self._idle, preference)
        if agent.is_logged_in:
            self._logged_in.add(agent_id)
        else:
            self._logged_in.discard(agent_id)
        self._note_desertion(now)

    def restaff(self, agents: list[Agent], now: float) -> None:
        """Queue or agents were configured anew: these serve it from now on."""
        self._idle.clear()
        self._preferences.clear()
        self._logged_in.clear()
        for agent in agents:
            self.note(agent, now)
        self._note_desertion(now)

    def longest_idle(self) -> AgentId | None:
        return self._idle[0][3] if self._idle else None

    def _forget_idle(self, agent_id: AgentId) -> None:
        preference = self._preferences.pop(agent_id, None)
        if preference is not None:
            _discard(self._idle, preference)

    def _note_desertion(self, now: float) -> None:
        if self._logged_in:
            self.deserted_since = None
        elif self.deserted_since is None:
            self.deserted_since = now


def _discard(ordered: list[K], entry: K) -> None:
    at = bisect_left(ordered, entry)
    assert ordered[at] == entry
    del ordered[at]
