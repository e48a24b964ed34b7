"""Agents: who they are, and the states they move through."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from config.tenancy import TenantId
from routing.errors import InvalidTransition
from routing.events import AgentId, AgentState, OfferId, WorkId

_S = AgentState
ALLOWED: Mapping[AgentState, frozenset[AgentState]] = {
    _S.OFFLINE: frozenset({_S.AVAILABLE, _S.AWAY}),
    _S.AVAILABLE: frozenset({_S.OFFERED, _S.ENGAGED, _S.AWAY, _S.OFFLINE}),
    _S.OFFERED: frozenset({_S.ENGAGED, _S.AVAILABLE, _S.AWAY, _S.OFFLINE, _S.NOT_RESPONDING}),
    _S.ENGAGED: frozenset({_S.WRAP_UP, _S.AVAILABLE, _S.AWAY, _S.OFFLINE}),
    _S.WRAP_UP: frozenset({_S.AVAILABLE, _S.AWAY, _S.OFFLINE}),
    _S.AWAY: frozenset({_S.AVAILABLE, _S.AWAY, _S.OFFLINE}),
    _S.NOT_RESPONDING: frozenset({_S.AVAILABLE, _S.AWAY, _S.OFFLINE}),
}
REQUESTABLE = frozenset({_S.AVAILABLE, _S.AWAY, _S.OFFLINE})
"""What a person may ask for; the other states come about by themselves."""


@dataclass(frozen=True, slots=True)
class AgentProfile:
    id: AgentId
    tenant_id: TenantId
    name: str
    extension: str
    """User of the phone that is rung."""
    skills: Mapping[str, int]
    """Level of each skill, 1 to 5. The agent serves every queue that asks for no more."""
    auto_answer: bool = False
    """The phone takes calls from queues by itself, after a tone."""


@dataclass(frozen=True, slots=True)
class AgentSnapshot:
    id: AgentId
    name: str
    extension: str
    state: AgentState
    reason: str
    pending: AgentState | None
    """The state asked for during a call, to be entered after it."""
    since: datetime
    work_id: WorkId | None
    reachable: bool
    skills: Mapping[str, int]
    wrap_up_until: datetime | None = None
    """When the agent is free again without doing anything; None outside of a wrap-up."""
    auto_answer: bool = False
    disposition_due: WorkId | None = None
    """What the agent must give a disposition for before the next offer; None for nothing."""


@dataclass(slots=True)
class Agent:
    """One agent at run time; moved only by the matcher."""

    profile: AgentProfile
    since: datetime
    entered: float
    state: AgentState = AgentState.OFFLINE
    reason: str = ""
    pending: AgentState | None = None
    pending_reason: str = ""
    work_id: WorkId | None = None
    offer_id: OfferId | None = None
    reachable: bool = False
    other_calls: int = 0
    """Calls of the agent's phone that did not come from a queue."""
    idle_since: float = 0.0
    wrap_up_until: float | None = None
    owes: WorkId | None = None
    """What the agent has yet to give a disposition for; kept while away or offline."""
    owes_until: float = 0.0
    """When it is waited for no longer; of no meaning while nothing is owed."""
    leaving: bool = False
    """No longer configured; goes when the present work is done."""

    @property
    def due(self) -> float | None:
        """When something happens to the agent by itself."""
        return self.wrap_up_until if self.owes is None else self.owes_until

    @property
    def is_logged_in(self) -> bool:
        return self.state is not AgentState.OFFLINE

    @property
    def is_idle(self) -> bool:
        return (
            self.state is AgentState.AVAILABLE
            and self.reachable
            and not self.other_calls
            and not self.leaving
        )

    def enter(self, state: AgentState, *, reason: str) -> None:
        if state not in ALLOWED[self.state]:
            raise InvalidTransition(f"{self.state.name} -> {state.name}")
        self.state, self.reason = state, reason
        self.wrap_up_until = None
        if state not in (AgentState.OFFERED, AgentState.ENGAGED, AgentState.WRAP_UP):
            self.work_id = self.offer_id = None

    def snapshot(self) -> AgentSnapshot:
        return AgentSnapshot(
            id=self.profile.id,
            name=self.profile.name,
            extension=self.profile.extension,
            state=self.state,
            reason=self.reason,
            pending=self.pending,
            since=self.since,
            work_id=self.work_id,
            reachable=self.reachable,
            skills=self.profile.skills,
            wrap_up_until=self._wrap_up_end(),
            auto_answer=self.profile.auto_answer,
            disposition_due=self.owes,
        )

    def _wrap_up_end(self) -> datetime | None:
        if self.wrap_up_until is None or self.due is None:
            return None
        return self.since + timedelta(seconds=self.due - self.entered)
