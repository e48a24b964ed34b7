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
