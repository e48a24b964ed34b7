"""Events with plausible fields, for tests that only care about some of them."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

from config.tenancy import TenantId
from routing.events import AgentId, OfferId, QueueId, WorkAssigned, WorkId, WorkOffered
from telephony.events import (
    CallEnded,
    CallId,
    CallStarted,
    Direction,
    LegEnded,
    LegId,
    LegQuality,
)

TENANT = TenantId(UUID(int=1))
NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def call_started(
    call_id: CallId | None = None, *, tenant_id: TenantId = TENANT, caller: str = "0301234567"
) -> CallStarted:
    return CallStarted(
        tenant_id=tenant_id,
        at=NOON,
        call_id=call_id or CallId(uuid4()),
        direction=Direction.INBOUND,
        caller=caller,
        called="5000",
        trunk_id=None,
    )


def call_ended(call_id: CallId, *, tenant_id: TenantId = TENANT) -> CallEnded:
    return CallEnded(
        tenant_id=tenant_id, at=NOON, call_id=call_id, cause="caller_hung_up", sip_status=None
    )


def leg_ended(call_id: CallId) -> LegEnded:
    quality = LegQuality(
        packets_received=500,
        packets_sent=499,
        packets_lost=1,
        packets_late=0,
        packets_refused=0,
        jitter_ms=1.5,
        round_trip_ms=None,
        mos=4.3,
    )
    return LegEnded(
        tenant_id=TENANT,
        at=NOON,
        call_id=call_id,
        leg_id=LegId(uuid4()),
        cause="caller_hung_up",
        sip_status=None,
        quality=quality,
    )


def work_offered(call_id: CallId, agent_id: AgentId) -> WorkOffered:
    return WorkOffered(
        tenant_id=TENANT,
        at=NOON,
        work_id=WorkId(call_id),
        queue_id=QueueId(UUID(int=2)),
        agent_id=agent_id,
        offer_id=OfferId(uuid4()),
    )


def work_assigned(call_id: CallId, agent_id: AgentId, *, waited_ms: int = 1_500) -> WorkAssigned:
    return WorkAssigned(
        tenant_id=TENANT,
        at=NOON,
        work_id=WorkId(call_id),
        queue_id=QueueId(UUID(int=2)),
        agent_id=agent_id,
        offer_id=OfferId(uuid4()),
        waited_ms=waited_ms,
    )
