"""What goes into the matcher and what comes out of it."""

from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from config.tenancy import TenantId
from routing.events import AgentId, OfferId, QueueId, RoutingEvent, WorkId


@dataclass(frozen=True, slots=True)
class Moment:
    """One point in time on both clocks: to measure with, and to write down."""

    now: float
    """Monotonic seconds."""
    at: datetime


@dataclass(frozen=True, slots=True)
class WorkItem:
    id: WorkId
    queue_id: QueueId
    priority: int = 0
    """Higher is served first."""
    caller: str = ""
    needs_agents: bool = False
    """Neither enter the queue nor stay in it when nobody who serves it is logged in."""


@dataclass(frozen=True, slots=True)
class Offer:
    id: OfferId
    tenant_id: TenantId
    work_id: WorkId
    queue_id: QueueId
    agent_id: AgentId
    ring_seconds: float
    auto_answer: bool = False
    """The agent's phone takes it by itself, after a tone."""


@dataclass(frozen=True, slots=True)
class StopRinging:
    """The offer is void; whoever rings for it stops."""

    offer_id: OfferId


@dataclass(frozen=True, slots=True)
class WorkRemoved:
    """The queue gave work up that nobody withdrew: `closed`, `no_agents` or `shutdown`."""

    work_id: WorkId
    reason: str


Effect: TypeAlias = Offer | StopRinging | WorkRemoved | RoutingEvent
