"""Calls: one row each, from the caller's arrival to the last hang-up.

The functions that apply events may see the same event again after a crash; the second time
nothing changes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from casecore.db.connection import Connection
from casecore.paging import Page, Rows, orderings
from casecore.store.rows import changed, containing, found, listing_of, page_of, plain
from config.tenancy import TenantId

INTERRUPTED = "interrupted"
"""Cause of a call which the server itself did not survive."""

MOST_NOTE = 4_000
"""Characters of a note."""

SORT_COLUMNS = {
    "started_at": "c.started_at",
    "answered_at": "c.answered_at",
    "ended_at": "c.ended_at",
    "caller": "c.caller",
    "called": "c.called",
    "duration": "c.ended_at - c.answered_at",
}

_COLUMNS = """
    c.id, c.direction, c.caller, c.called, c.trunk_id, c.started_at, c.answered_at, c.ended_at,
    c.cause, c.sip_status, c.flow_id, c.flow_version, c.agent_id, c.disposition, c.note,
    f.name as flow_name, a.name as agent_name, a.extension as agent_extension
"""
_FROM = """
      from calls c
      left join flows f on f.tenant_id = c.tenant_id and f.id = c.flow_id
      left join agents a on a.tenant_id = c.tenant_id and a.id = c.agent_id
     where c.tenant_id = $1
"""
_FILTER = """
       and ($2::timestamptz is null or c.started_at >= $2)
       and ($3::timestamptz is null or c.started_at < $3)
       and ($4::text is null or c.direction = $4)
       and ($5::text is null or c.caller ilike $5)
       and ($6::text is null or c.called = $6)
       and ($7::text is null or c.cause = $7)
       and ($8::boolean is null or (c.ended_at is null) = $8)
       and ($9::uuid is null
            or c.agent_id = $9
            or exists (select from legs l
                        where l.tenant_id = c.tenant_id
                          and l.call_id = c.id
                          and l.agent_id = $9
                          and l.answered_at is not null))
       and ($10::text is null or c.disposition = $10)
"""
_FETCH = f"select {_COLUMNS} {_FROM} and c.id = $2"
_PAGES = orderings(
    f"select {_COLUMNS} {_FROM} {_FILTER}", SORT_COLUMNS, unique="c.id", page="limit $11 offset $12"
)
_COUNT = f"select count(*) from calls c where c.tenant_id = $1 {_FILTER}"
_INVOLVES = """
    select exists (select from calls c
                    where c.tenant_id = $1 and c.id = $2 and c.agent_id = $3)
        or exists (select from legs l
                    where l.tenant_id = $1
                      and l.call_id = $2
                      and l.agent_id = $3
                      and l.answered_at is not null)
"""
_INSERT = """
    insert into calls (tenant_id, id, direction, caller, called, trunk_id, started_at)
    values ($1, $2, $3, $4, $5, $6, $7)
    on conflict (tenant_id, id) do nothing
"""
_ANSWERED = """
    update calls
       set answered_at = $3
     where tenant_id = $1
       and id = $2
       and answered_at is null
"""
_ENDED = """
    update calls
       set ended_at = $3, cause = $4, sip_status = $5
     where tenant_id = $1
       and id = $2
       and (ended_at is null or cause = 'interrupted')
"""
_FLOW = """
    update calls
       set flow_id = $3, flow_version = $4
     where tenant_id = $1
       and id = $2
"""
_AGENT = "update calls set agent_id = $3 where tenant_id = $1 and id = $2"
_WRAP_UP = """
    update calls
       set disposition = $3, note = $4
     where tenant_id = $1
       and id = $2
"""
_CLOSE_INTERRUPTED = """
    update calls c
       set ended_at = coalesce((select max(e.at)
                                  from call_events e
                                 where e.tenant_id = c.tenant_id
                                   and e.call_id = c.id),
                               c.answered_at, c.started_at),
           cause = 'interrupted'
     where c.tenant_id = $1
       and c.ended_at is null
       and c.started_at < $2
 returning c.id
"""
_CLOSE_LEGS = """
    update legs l
       set ended_at = c.ended_at, cause = 'interrupted'
      from calls c
     where l.tenant_id = $1
       and l.call_id = any($2::uuid[])
       and l.ended_at is null
       and c.tenant_id = l.tenant_id
       and c.id = l.call_id
"""
_CLOSE_VISITS = """
    update queue_visits v
       set left_at = greatest(c.ended_at, v.entered_at),
           result = 'flowed_out',
           reason = 'interrupted',
           waited_ms = extract(epoch from greatest(c.ended_at - v.entered_at, '0')) * 1000
      from calls c
     where v.tenant_id = $1
       and v.work_id = any($2::uuid[])
       and v.left_at is null
       and c.tenant_id = v.tenant_id
       and c.id = v.work_id
"""
_CLOSE_RECORDINGS = """
    update recordings
       set failed_reason = 'interrupted'
     where tenant_id = $1
       and call_id = any($2::uuid[])
       and stored_at is null
       and failed_reason is null
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    id: UUID
    direction: str
    caller: str
    called: str
    trunk_id: UUID | None
    started_at: datetime
    answered_at: datetime | None
    ended_at: datetime | None
    cause: str | None
    sip_status: int | None
    flow_id: UUID | None
    flow_name: str | None
    flow_version: int | None
    agent_id: UUID | None
    """Who served it last."""
    agent_name: str | None
    agent_extension: str | None
    disposition: str | None
    """What became of it: a code, which may since have been given up."""
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFilter:
    """What to list; None means any."""

    started_from: datetime | None = None
    started_before: datetime | None = None
    direction: str | None = None
    caller: str = ""
    """Part of the number."""
    called: str | None = None
    cause: str | None = None
    open: bool | None = None
    """True: not ended yet."""
    agent_id: UUID | None = None
    """Calls this agent served, also when another did so after."""
    disposition: str | None = None


async def list_calls(
    db: Connection, tenant_id: TenantId, page: Page, wanted: CallFilter
) -> Rows[Call]:
    statements = listing_of(_PAGES, page, _COUNT, default="started_at")
    return await page_of(
        db,
        Call,
        statements,
        tenant_id,
        wanted.started_from,
        wanted.started_before,
        wanted.direction,
        containing(wanted.caller),
        wanted.called,
        wanted.cause,
        wanted.open,
        wanted.agent_id,
        wanted.disposition,
        page.limit,
        page.offset,
    )


async def fetch_call(db: Connection, tenant_id: TenantId, call_id: UUID) -> Call:
    return found(Call, await db.fetchrow(_FETCH, tenant_id, call_id), f"call {call_id}")


async def call_involves_agent(
    db: Connection, tenant_id: TenantId, call_id: UUID, agent_id: UUID
) -> bool:
    """Whether the agent serves or served the call, or took part in it."""
    return bool(await db.fetchval(_INVOLVES, tenant_id, call_id, agent_id))


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCall:
    id: UUID
    direction: str
    caller: str
    called: str
    trunk_id: UUID | None
    started_at: datetime


async def insert_call(db: Connection, tenant_id: TenantId, call: NewCall) -> None:
    await db.execute(
        _INSERT,
        tenant_id,
        call.id,
        call.direction,
        plain(call.caller),
        plain(call.called),
        call.trunk_id,
        call.started_at,
    )


async def update_answered(db: Connection, tenant_id: TenantId, call_id: UUID, at: datetime) -> None:
    await db.execute(_ANSWERED, tenant_id, call_id, at)


async def update_flow(
    db: Connection, tenant_id: TenantId, call_id: UUID, flow_id: UUID, version: int
) -> None:
    await db.execute(_FLOW, tenant_id, call_id, flow_id, version)


async def update_agent(db: Connection, tenant_id: TenantId, call_id: UUID, agent_id: UUID) -> None:
    await db.execute(_AGENT, tenant_id, call_id, agent_id)


async def update_wrap_up(
    db: Connection, tenant_id: TenantId, call_id: UUID, disposition: str | None, note: str
) -> None:
    """Set both; whatever was typed can be kept."""
    status = await db.execute(_WRAP_UP, tenant_id, call_id, disposition, plain(note, MOST_NOTE))
    changed(status, f"call {call_id}")


async def close_call(
    db: Connection,
    tenant_id: TenantId,
    call_id: UUID,
    at: datetime,
    *,
    cause: str,
    sip_status: int | None,
) -> None:
    """The call has ended; what it says is better than what `close_interrupted` guessed."""
    await db.execute(_ENDED, tenant_id, call_id, at, plain(cause), sip_status)


async def close_interrupted(
    db: Connection, tenant_id: TenantId, before: datetime
) -> Sequence[UUID]:
    """End what a killed server left open of calls started before `before`; their ids.

    Four statements, because legs, queue visits and recordings of those calls are ended too.
    Apply the journal first: what it knows about a call's end is the truth.
    """
    rows = await db.fetch(_CLOSE_INTERRUPTED, tenant_id, before)
    call_ids = [row["id"] for row in rows]
    if call_ids:
        for statement in (_CLOSE_LEGS, _CLOSE_VISITS, _CLOSE_RECORDINGS):
            await db.execute(statement, tenant_id, call_ids)
    return call_ids
