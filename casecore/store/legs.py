"""Legs: one party's part in a call, and how well we heard it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from casecore.db.connection import Connection, Row
from casecore.store.rows import plain
from config.tenancy import TenantId

_QUALITY = (
    "packets_received, packets_sent, packets_lost, packets_late, packets_refused, "
    "jitter_ms, round_trip_ms, mos"
)
_COLUMNS = f"""
    l.id, l.call_id, l.role, l.party, l.agent_id, a.name as agent_name, l.sip_call_id,
    l.started_at, l.ringing_at, l.answered_at, l.ended_at, l.codec, l.cause, l.sip_status,
    {_QUALITY}
"""
_LIST = f"""
    select {_COLUMNS}
      from legs l
      left join agents a on a.tenant_id = l.tenant_id and a.id = l.agent_id
     where l.tenant_id = $1
       and l.call_id = any($2::uuid[])
     order by l.started_at, l.id
"""
_PARTY = "select party from legs where tenant_id = $1 and id = $2"
_INSERT = """
    insert into legs (tenant_id, id, call_id, role, party, agent_id, sip_call_id, started_at)
    values ($1, $2, $3, $4, $5, $6, $7, $8)
    on conflict (tenant_id, id) do nothing
"""
_RINGING = """
    update legs
       set ringing_at = $3
     where tenant_id = $1
       and id = $2
       and ringing_at is null
"""
_ANSWERED = """
    update legs
       set answered_at = $3, codec = $4
     where tenant_id = $1
       and id = $2
       and answered_at is null
"""
_ENDED = f"""
    update legs
       set ended_at = $3, cause = $4, sip_status = $5,
           ({_QUALITY}) = ($6, $7, $8, $9, $10, $11, $12, $13)
     where tenant_id = $1
       and id = $2
       and (ended_at is null or cause = 'interrupted')
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """What RTP and RTCP told about a leg."""

    packets_received: int
    packets_sent: int
    packets_lost: int
    packets_late: int
    packets_refused: int
    jitter_ms: float
    round_trip_ms: float | None
    mos: float


@dataclass(frozen=True, slots=True, kw_only=True)
class NewLeg:
    id: UUID
    call_id: UUID
    role: str
    party: str
    agent_id: UUID | None
    sip_call_id: str
    started_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg(NewLeg):
    agent_name: str | None
    ringing_at: datetime | None
    answered_at: datetime | None
    ended_at: datetime | None
    codec: str | None
    cause: str | None
    sip_status: int | None
    quality: Quality | None
    """None while the leg lasts, and where no media ever flowed."""


async def list_legs_of_calls(
    db: Connection, tenant_id: TenantId, call_ids: Sequence[UUID]
) -> list[Leg]:
    """In the order in which they began."""
    return [_leg(row) for row in await db.fetch(_LIST, tenant_id, list(call_ids))]


async def fetch_party(db: Connection, tenant_id: TenantId, leg_id: UUID) -> str:
    """Who was at the end of a leg; empty for one that is not known."""
    return str(await db.fetchval(_PARTY, tenant_id, leg_id) or "")


async def insert_leg(db: Connection, tenant_id: TenantId, leg: NewLeg) -> None:
    await db.execute(
        _INSERT,
        tenant_id,
        leg.id,
        leg.call_id,
        leg.role,
        plain(leg.party),
        leg.agent_id,
        plain(leg.sip_call_id),
        leg.started_at,
    )


async def update_ringing(db: Connection, tenant_id: TenantId, leg_id: UUID, at: datetime) -> None:
    await db.execute(_RINGING, tenant_id, leg_id, at)


async def update_answered(
    db: Connection, tenant_id: TenantId, leg_id: UUID, at: datetime, codec: str
) -> None:
    await db.execute(_ANSWERED, tenant_id, leg_id, at, codec)


async def close_leg(
    db: Connection,
    tenant_id: TenantId,
    leg_id: UUID,
    at: datetime,
    *,
    cause: str,
    sip_status: int | None,
    quality: Quality | None,
) -> None:
    measured: tuple[object, ...] = (None,) * 8
    if quality is not None:
        measured = (
            quality.packets_received,
            quality.packets_sent,
            quality.packets_lost,
            quality.packets_late,
            quality.packets_refused,
            quality.jitter_ms,
            quality.round_trip_ms,
            quality.mos,
        )
    await db.execute(_ENDED, tenant_id, leg_id, at, plain(cause), sip_status, *measured)


def _leg(row: Row) -> Leg:
    values = dict(row)
    measured = {name: values.pop(name) for name in Quality.__dataclass_fields__}
    quality = Quality(**measured) if measured["packets_received"] is not None else None
    return Leg(**values, quality=quality)
