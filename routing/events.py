"""Facts about waiting work, offers and agents."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType
from uuid import UUID

from config.tenancy import TenantId

WorkId = NewType("WorkId", UUID)
"""Anything waiting for an agent; for voice it is the call's id."""
QueueId = NewType("QueueId", UUID)
AgentId = NewType("AgentId", UUID)
OfferId = NewType("OfferId", UUID)


class AgentState(StrEnum):
    OFFLINE = "offline"
    AVAILABLE = "available"
    OFFERED = "offered"
    ENGAGED = "engaged"
    WRAP_UP = "wrap_up"
    AWAY = "away"
    NOT_RESPONDING = "not_responding"


class Outcome(StrEnum):
    """How one offer to one agent ended."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    NO_ANSWER = "no_answer"
    FAILED = "failed"
    """The phone could not be rung at all: a device fault, not the agent's."""
    WITHDRAWN = "withdrawn"
    """The caller went away, or the offer was taken back, while it rang."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkQueued:
    """A caller began to wait in a queue."""

    tenant_id: TenantId
    at: datetime
    work_id: WorkId
    queue_id: QueueId
    priority: int
    position: int
    """1 is next to be served."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkOffered:
    """One agent is being rung for one piece of work."""

    tenant_id: TenantId
    at: datetime
    work_id: WorkId
    queue_id: QueueId
    agent_id: AgentId
    offer_id: OfferId


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferFailed:
    """An agent did not take the work it was offered."""

    tenant_id: TenantId
    at: datetime
    work_id: WorkId
    queue_id: QueueId
    agent_id: AgentId
    offer_id: OfferId
    outcome: Outcome
    """`refused` and `no_answer` count against the agent, the others do not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkAssigned:
    """An agent accepted; caller and agent are being joined."""

    tenant_id: TenantId
    at: datetime
    work_id: WorkId
    queue_id: QueueId
    agent_id: AgentId
    offer_id: OfferId
    waited_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkAbandoned:
    """The caller hung up while waiting."""

    tenant_id: TenantId
    at: datetime
    work_id: WorkId
    queue_id: QueueId
    waited_ms: int
    position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkFlowedOut:
    """The work left the queue unanswered for another reason than the caller's hang-up."""

    tenant_id: TenantId
    at: datetime
    work_id: WorkId
    queue_id: QueueId
    waited_ms: int
    reason: str
    """`timeout`, `no_agents`, `full`, `closed` or `shutdown`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentStateChanged:
    tenant_id: TenantId
    at: datetime
    agent_id: AgentId
    state: AgentState
    previous: AgentState
    reason: str
    """Away reason, or the cause of a change nobody asked for; empty when there is none."""
    work_id: WorkId | None
    previous_ms: int
    """How long the previous state lasted."""


RoutingEvent = (
    WorkQueued
    | WorkOffered
    | OfferFailed
    | WorkAssigned
    | WorkAbandoned
    | WorkFlowedOut
    | AgentStateChanged
)
