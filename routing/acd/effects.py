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


@dataclass(frozen=True, slots=True)
class Offer:
    id: OfferId
    tenant_id: TenantId
    work_id: WorkId
    queue_id: QueueId
    agent_id: AgentId
    ring_seconds: float


@dataclass(frozen=True, slots=True)
class StopRinging:
    """The offer is void; whoever rings for it stops."""

    offer_id: OfferId


@dataclass(frozen=True, slots=True)
class WorkRemoved:
    """The queue went away under those who waited in it."""

    work_id: WorkId
    reason: str


Effect: TypeAlias = Offer | StopRinging | WorkRemoved | RoutingEvent
