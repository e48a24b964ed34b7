"""A small contact centre for tests of the matcher: clock, queues, agents, and what they did."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

from config.tenancy import TenantId
from routing.acd.effects import Effect, Moment, Offer, StopRinging, WorkItem, WorkRemoved
from routing.acd.matcher import Matcher
from routing.agents import AgentProfile, AgentSnapshot
from routing.events import (
    AgentId,
    AgentState,
    AgentStateChanged,
    OfferFailed,
    Outcome,
    QueueId,
    WorkAbandoned,
    WorkAssigned,
    WorkFlowedOut,
    WorkId,
    WorkOffered,
    WorkQueued,
)
from routing.queues import QueueSettings, QueueSnapshot

TENANT = TenantId(UUID(int=1))
NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
AVAILABLE, AWAY, OFFLINE = AgentState.AVAILABLE, AgentState.AWAY, AgentState.OFFLINE


def work_id(number: int) -> WorkId:
    return WorkId(UUID(int=0x1000 + number))


def queue(
    number: int = 1,
    skill: str = "sales",
    *,
    name: str = "",
    minimum_level: int = 1,
    priority: int = 0,
    wrap_up_seconds: float = 10,
    max_waiting: int = 100,
    disposition_seconds: float | None = None,
) -> QueueSettings:
    return QueueSettings(
        id=QueueId(UUID(int=0x2000 + number)),
        tenant_id=TENANT,
        name=name or f"queue{number}",
        skill=skill,
        minimum_level=minimum_level,
        priority=priority,
        wrap_up_seconds=wrap_up_seconds,
        max_waiting=max_waiting,
        disposition_required=disposition_seconds is not None,
        disposition_seconds=disposition_seconds or 900,
    )


def agent(number: int, **skills: int) -> AgentProfile:
    return AgentProfile(
        id=AgentId(UUID(int=0x3000 + number)),
        tenant_id=TENANT,
        name=f"Agent {number}",
        extension=str(1000 + number),
        skills=skills or {"sales": 3},
    )


class Centre:
    """A matcher with a clock of its own, that remembers every effect."""

    def __init__(self, *queues: QueueSettings, agents: tuple[AgentProfile, ...] = ()) -> None:
        ids = count(0x4000)
        self.matcher = Matcher(TENANT, lambda: UUID(int=next(ids)))
        self.now = 0.0
        self.effects: list[Effect] = []
        self.queues = queues or (queue(),)
        self.agents = agents
        self.configure(self.queues, agents)

    @property
    def moment(self) -> Moment:
        return Moment(self.now, NOON + timedelta(seconds=self.now))

    def configure(
        self, queues: tuple[QueueSettings, ...], agents: tuple[AgentProfile, ...]
    ) -> None:
        self.did(self.matcher.configure(queues, agents, self.moment))

    def did(self, effects: list[Effect]) -> list[Effect]:
        self.effects += effects
        return effects

    def at(self, now: float) -> "Centre":
        """Turn the clock, firing every timer at its time."""
        while (due := self.matcher.next_timeout()) is not None and due <= now:
            self.now = max(self.now, due)
            self.did(self.matcher.handle_timeout(self.moment))
        self.now = now
        return self

    def ready(self, *profiles: AgentProfile) -> None:
        """Phones registered, agents available, one after the other at the same time."""
        for profile in profiles or self.agents:
            self.did(self.matcher.set_reachable(profile.id, True, self.moment))
            self.choose(profile, AVAILABLE)

    def choose(
        self, profile: AgentProfile, state: AgentState, reason: str = "", *, excused: bool = False
    ) -> None:
        moment = self.moment
        self.did(self.matcher.set_agent_state(profile.id, state, reason, moment, excused=excused))

    def call(
        self,
        number: int,
        into: QueueSettings | None = None,
        *,
        priority: int = 0,
        needs_agents: bool = False,
    ) -> WorkId:
        item = WorkItem(
            work_id(number),
            (into or self.queues[0]).id,
            priority=priority,
            needs_agents=needs_agents,
        )
        self.did(self.matcher.enqueue(item, self.moment))
        return item.id

    def withdraw(self, work: WorkId, reason: str | None = None) -> None:
        """The caller hangs up, or is taken out for a reason."""
        self.did(
            self.matcher.withdraw(work, self.moment, abandoned=reason is None, reason=reason or "")
        )

    def finish(self, work: WorkId) -> None:
        self.did(self.matcher.finish(work, self.moment))

    def say_what_became(self, work: WorkId) -> None:
        self.did(self.matcher.take_disposition(work, self.moment))

    def end_wrap_up(self, profile: AgentProfile, *, excused: bool = False) -> None:
        self.did(self.matcher.end_wrap_up(profile.id, self.moment, excused=excused))

    def open_offers(self) -> dict[WorkId, Offer]:
        """Who is being rung for now, as one would know who only sees the effects."""
        offers = {e.id: e for e in self.effects if isinstance(e, Offer)}
        for effect in self.effects:
            if isinstance(effect, OfferFailed | WorkAssigned):
                offers.pop(effect.offer_id, None)
        return {offer.work_id: offer for offer in offers.values()}

    def rung(self) -> dict[int, int]:
        """Number of the agent who is being rung, by number of the call."""
        return {
            offer.work_id.int - 0x1000: offer.agent_id.int - 0x3000
            for offer in self.open_offers().values()
        }

    def decide(self, work: WorkId, outcome: Outcome = Outcome.ACCEPTED) -> Offer:
        """Let the agent who is being rung for the work answer, or not."""
        offer = self.open_offers()[work]
        self.did(self.matcher.receive_outcome(offer.id, outcome, self.moment))
        return offer

    def agent(self, profile: AgentProfile) -> AgentSnapshot:
        return self.matcher.agent(profile.id)

    def state(self, profile: AgentProfile) -> str:
        """State and reason, as in `away lunch`."""
        seen = self.agent(profile)
        return f"{seen.state.value} {seen.reason}".strip()

    def queue(self, settings: QueueSettings | None = None) -> QueueSnapshot:
        wanted = (settings or self.queues[0]).id
        return next(q for q in self.matcher.queues(self.moment) if q.id == wanted)

    def forget(self) -> None:
        """Only what happens from now on is of interest; open offers stay known."""
        self.effects = list(self.open_offers().values())

    def told(self) -> list[str]:
        """The facts and orders since `forget`, in words."""
        return [words for words in map(in_words, self.effects) if words]


def in_words(effect: Effect) -> str:
    return _WORDS[type(effect)](effect)


def _state(e: AgentStateChanged) -> str:
    text = f"{_agent(e.agent_id)} {e.state.value} {e.reason}".strip()
    return f"{text} after {e.previous_ms} ms"


def _abandoned(e: WorkAbandoned) -> str:
    return f"abandoned {_call(e.work_id)} at {e.position} after {e.waited_ms} ms"


def _call(number: WorkId) -> str:
    return f"call {number.int - 0x1000}"


def _agent(number: AgentId) -> str:
    return f"agent {number.int - 0x3000}"


_WORDS: dict[type, Callable[[Any], str]] = {
    WorkQueued: lambda e: f"queued {_call(e.work_id)} at {e.position}",
    WorkOffered: lambda e: f"offered {_call(e.work_id)} to {_agent(e.agent_id)}",
    OfferFailed: lambda e: f"offer of {_call(e.work_id)} {e.outcome.value}",
    WorkAssigned: lambda e: f"answered {_call(e.work_id)} after {e.waited_ms} ms",
    WorkAbandoned: _abandoned,
    WorkFlowedOut: lambda e: f"{_call(e.work_id)} left: {e.reason}",
    AgentStateChanged: _state,
    StopRinging: lambda _: "stop ringing",
    WorkRemoved: lambda e: f"removed {_call(e.work_id)}: {e.reason}",
    Offer: lambda _: "",
}
