"""Timelines: every event of a call, in order."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from casecore.db.connection import Connection
from casecore.store.rows import plain_json
from config.tenancy import TenantId

_LIST = """
    select seq, at, type, data
      from call_events
     where tenant_id = $1
       and call_id = $2
       and seq > $3
     order by seq
     limit $4
"""
# Only calls that are on record: one event of an unknown call must not stop the others.
_INSERT = """
    insert into call_events (tenant_id, call_id, at, type, data)
    select $1, e.call_id, e.at, e.type, e.data::jsonb
      from unnest($2::uuid[], $3::timestamptz[], $4::text[], $5::text[]) with ordinality
           as e (call_id, at, type, data, place)
      join calls c on c.tenant_id = $1 and c.id = e.call_id
     order by e.place
    on conflict (tenant_id, call_id, at, type, md5(data::text)) do nothing
"""


@dataclass(frozen=True, slots=True)
class NewTimelineEvent:
    call_id: UUID
    at: datetime
    type: str
    data: str | bytes
    """JSON text."""


@dataclass(frozen=True, slots=True)
class TimelineEvent:
    seq: int
    at: datetime
    type: str
    data: Mapping[str, Any]


async def insert_events(
    db: Connection, tenant_id: TenantId, events: Sequence[NewTimelineEvent]
) -> None:
    """Add events in the order given; those known already, and those of unknown calls, are left.

    Insert the calls they belong to first.
    """
    if events:
        await db.execute(
            _INSERT,
            tenant_id,
            [e.call_id for e in events],
            [e.at for e in events],
            [e.type for e in events],
            [plain_json(e.data) for e in events],
        )


async def list_timeline(
    db: Connection, tenant_id: TenantId, call_id: UUID, *, after: int = 0, limit: int = 10_000
) -> list[TimelineEvent]:
    rows = await db.fetch(_LIST, tenant_id, call_id, after, limit)
    return [TimelineEvent(r["seq"], r["at"], r["type"], json.loads(r["data"])) for r in rows]
