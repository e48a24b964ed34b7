"""The history of agents' states."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from casecore.db.connection import Connection
from casecore.paging import Page, Rows, orderings
from casecore.store.rows import listing_of, page_of, plain
from config.tenancy import TenantId

SORT_COLUMNS = {"at": "s.at"}

_SELECT = """
    select s.agent_id, a.name as agent_name, s.at, s.state, s.previous, s.previous_ms, s.reason,
           s.work_id
      from agent_states s
      left join agents a on a.tenant_id = s.tenant_id and a.id = s.agent_id
     where s.tenant_id = $1
"""
_FILTER = """
       and ($2::timestamptz is null or s.at >= $2)
       and ($3::timestamptz is null or s.at < $3)
       and ($4::uuid is null or s.agent_id = $4)
"""
_PAGES = orderings(_SELECT + _FILTER, SORT_COLUMNS, unique="s.agent_id", page="limit $5 offset $6")
_COUNT = "select count(*) from agent_states s where s.tenant_id = $1 " + _FILTER
_LAST = """
    select a.id as agent_id, s.state, s.reason
      from agents a
     cross join lateral (
           select h.state, h.reason
             from agent_states h
            where h.tenant_id = a.tenant_id and h.agent_id = a.id
            order by h.at desc
            limit 1) s
     where a.tenant_id = $1
       and a.deleted_at is null
"""
_INSERT = """
    insert into agent_states
           (tenant_id, agent_id, at, state, previous, previous_ms, reason, work_id)
    values ($1, $2, $3, $4, $5, $6, $7, $8)
    on conflict (tenant_id, agent_id, at, state) do nothing
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAgentState:
    agent_id: UUID
    at: datetime
    state: str
    previous: str
    previous_ms: int
    """How long the previous state lasted."""
    reason: str
    work_id: UUID | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentStateChange(NewAgentState):
    agent_name: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentStateFilter:
    at_from: datetime | None = None
    at_before: datetime | None = None
    agent_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LastAgentState:
    agent_id: UUID
    state: str
    reason: str


async def list_last_states(db: Connection, tenant_id: TenantId) -> list[LastAgentState]:
    """The newest state on record of every agent there is."""
    rows = await db.fetch(_LAST, tenant_id)
    return [LastAgentState(**row) for row in rows]


async def insert_agent_state(db: Connection, tenant_id: TenantId, change: NewAgentState) -> None:
    await db.execute(
        _INSERT,
        tenant_id,
        change.agent_id,
        change.at,
        change.state,
        change.previous,
        change.previous_ms,
        plain(change.reason),
        change.work_id,
    )


async def list_agent_states(
    db: Connection, tenant_id: TenantId, page: Page, wanted: AgentStateFilter
) -> Rows[AgentStateChange]:
    statements = listing_of(_PAGES, page, _COUNT, default="at")
    return await page_of(
        db,
        AgentStateChange,
        statements,
        tenant_id,
        wanted.at_from,
        wanted.at_before,
        wanted.agent_id,
        page.limit,
        page.offset,
    )
