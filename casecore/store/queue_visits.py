"""Queue visits: one wait of one piece of work in one queue, and how it ended."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from casecore.db.connection import Connection
from casecore.paging import Page, Rows, orderings
from casecore.store.rows import all_of, listing_of, page_of, plain
from config.tenancy import TenantId

SORT_COLUMNS = {"entered_at": "v.entered_at", "waited_ms": "v.waited_ms"}

_SELECT = """
    select v.work_id, v.queue_id, q.name as queue, v.entered_at, v.priority, v.position,
           v.offers, v.left_at, v.result, v.reason, v.agent_id, a.name as agent_name, v.waited_ms
      from queue_visits v
      left join queues q on q.tenant_id = v.tenant_id and q.id = v.queue_id
      left join agents a on a.tenant_id = v.tenant_id and a.id = v.agent_id
     where v.tenant_id = $1
"""
_FILTER = """
       and ($2::timestamptz is null or v.entered_at >= $2)
       and ($3::timestamptz is null or v.entered_at < $3)
       and ($4::uuid is null or v.queue_id = $4)
       and ($5::text is null or v.result = $5)
"""
_OF_CALLS = _SELECT + " and v.work_id = any($2::uuid[]) order by v.entered_at, v.queue_id"
_PAGES = orderings(
    _SELECT + _FILTER,
    SORT_COLUMNS,
    unique="v.work_id",
    page="limit $6 offset $7",
)
_COUNT = "select count(*) from queue_visits v where v.tenant_id = $1 " + _FILTER
# Whoever waited at the beginning of the day, and whoever came since; nobody waits for a day.
_DAYS = """
    select v.queue_id, count(*) as offered,
           count(*) filter (where v.result = 'flowed_out') as flowed_out,
           coalesce(array_agg(v.waited_ms order by v.waited_ms)
                    filter (where v.result = 'answered'), '{}') as answered_ms,
           coalesce(array_agg(v.waited_ms order by v.waited_ms)
                    filter (where v.result = 'abandoned'), '{}') as abandoned_ms
      from unnest($2::uuid[], $3::timestamptz[]) as day (queue_id, began)
      join queue_visits v on v.tenant_id = $1
                         and v.queue_id = day.queue_id
                         and v.left_at >= day.began
     group by v.queue_id
"""
_INSERT = """
    insert into queue_visits (tenant_id, work_id, queue_id, entered_at, priority, position)
    values ($1, $2, $3, $4, $5, $6)
    on conflict (tenant_id, work_id, queue_id, entered_at) do nothing
"""
# The visit an event is about: the work's last one to that queue which began before it.
_OFFERED = """
    update queue_visits
       set offers = offers + 1, last_offered_at = $4
     where tenant_id = $1
       and work_id = $2
       and queue_id = $3
       and entered_at = (select max(v.entered_at)
                           from queue_visits v
                          where v.tenant_id = $1
                            and v.work_id = $2
                            and v.queue_id = $3
                            and v.entered_at <= $4)
       and (last_offered_at is null or last_offered_at < $4)
"""
_CLOSED = """
    update queue_visits
       set left_at = $4, result = $5, reason = $6, agent_id = $7, waited_ms = $8
     where tenant_id = $1
       and work_id = $2
       and queue_id = $3
       and entered_at = (select max(v.entered_at)
                           from queue_visits v
                          where v.tenant_id = $1
                            and v.work_id = $2
                            and v.queue_id = $3
                            and v.entered_at <= $4)
       and (left_at is null or reason = 'interrupted')
"""


class VisitResult(StrEnum):
    ANSWERED = "answered"
    ABANDONED = "abandoned"
    FLOWED_OUT = "flowed_out"


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueVisit:
    work_id: UUID
    """Of a call: the call's id."""
    queue_id: UUID
    queue: str | None
    entered_at: datetime
    priority: int
    position: int
    """Place in the queue on entering; 1 is next."""
    offers: int
    """Agents that were rung."""
    left_at: datetime | None
    result: str | None
    """A VisitResult; None while waiting."""
    reason: str
    agent_id: UUID | None
    agent_name: str | None
    waited_ms: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitFilter:
    entered_from: datetime | None = None
    entered_before: datetime | None = None
    queue_id: UUID | None = None
    result: VisitResult | None = None


async def list_visits_of_calls(
    db: Connection, tenant_id: TenantId, call_ids: Sequence[UUID]
) -> list[QueueVisit]:
    return all_of(QueueVisit, await db.fetch(_OF_CALLS, tenant_id, list(call_ids)))


async def list_visits(
    db: Connection, tenant_id: TenantId, page: Page, wanted: VisitFilter
) -> Rows[QueueVisit]:
    statements = listing_of(_PAGES, page, _COUNT, default="entered_at")
    return await page_of(
        db,
        QueueVisit,
        statements,
        tenant_id,
        wanted.entered_from,
        wanted.entered_before,
        wanted.queue_id,
        wanted.result,
        page.limit,
        page.offset,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueDay:
    """What became of those who waited in a queue since the day began."""

    queue_id: UUID
    offered: int
    flowed_out: int
    answered_ms: list[int]
    """Waits, ascending."""
    abandoned_ms: list[int]


async def list_days(
    db: Connection, tenant_id: TenantId, began: Mapping[UUID, datetime]
) -> list[QueueDay]:
    """The counts of queues since their day began; who still waits is not among them."""
    rows = await db.fetch(_DAYS, tenant_id, list(began), list(began.values()))
    return all_of(QueueDay, rows)


async def insert_visit(
    db: Connection,
    tenant_id: TenantId,
    work_id: UUID,
    queue_id: UUID,
    at: datetime,
    *,
    priority: int,
    position: int,
) -> None:
    await db.execute(_INSERT, tenant_id, work_id, queue_id, at, priority, position)


async def count_offer(
    db: Connection, tenant_id: TenantId, work_id: UUID, queue_id: UUID, at: datetime
) -> None:
    await db.execute(_OFFERED, tenant_id, work_id, queue_id, at)


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitEnd:
    result: VisitResult
    waited_ms: int
    reason: str = ""
    agent_id: UUID | None = None


async def close_visit(
    db: Connection,
    tenant_id: TenantId,
    work_id: UUID,
    queue_id: UUID,
    at: datetime,
    end: VisitEnd,
) -> None:
    await db.execute(
        _CLOSED,
        tenant_id,
        work_id,
        queue_id,
        at,
        end.result,
        plain(end.reason),
        end.agent_id,
        end.waited_ms,
    )
