"""Agents and their skills."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from casecore.db.connection import Connection, Row
from casecore.errors import NotFound
from casecore.paging import Page, Rows, orderings
from casecore.store.rows import changed, listing_of, page_of, refusals
from config.tenancy import TenantId

SORT_COLUMNS = {"name": "a.name", "extension": "a.extension", "created_at": "a.created_at"}

_SELECT = """
    select a.id, a.name, a.extension, a.auto_answer, a.created_at,
           (select coalesce(json_object_agg(s.skill, s.level order by s.skill), '{}')
              from agent_skills s
             where s.tenant_id = a.tenant_id
               and s.agent_id = a.id) as skills
      from agents a
     where a.tenant_id = $1
       and a.deleted_at is null
"""
_INSERT = """
    insert into agents (tenant_id, name, extension, auto_answer)
    values ($1, $2, $3, $4)
    returning id
"""
_FETCH = _SELECT + " and a.id = $2"
_LOCK = "select from agents where tenant_id = $1 and id = $2 for update"
_BY_EXTENSION = _SELECT + " and a.extension = $2"
_LIST = _SELECT + " order by a.extension, a.id"
_PAGES = orderings(_SELECT, SORT_COLUMNS, unique="a.id", page="limit $2 offset $3")
_COUNT = "select count(*) from agents where tenant_id = $1 and deleted_at is null"
_UPDATE = """
    update agents
       set name = $3, extension = $4, auto_answer = $5
     where tenant_id = $1
       and id = $2
       and deleted_at is null
"""
_DELETE_SKILLS = "delete from agent_skills where tenant_id = $1 and agent_id = $2"
_INSERT_SKILLS = """
    insert into agent_skills (tenant_id, agent_id, skill, level)
    select $1, $2, * from unnest($3::text[], $4::smallint[])
"""
_DELETE = """
    with freed_phones as (
        update phones set agent_id = null where tenant_id = $1 and agent_id = $2
    ),
    freed_users as (
        update users set agent_id = null where tenant_id = $1 and agent_id = $2
    )
    update agents
       set deleted_at = now()
     where tenant_id = $1
       and id = $2
       and deleted_at is null
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentValues:
    name: str
    extension: str
    """User of the phone that rings."""
    skills: Mapping[str, int] = field(default_factory=dict)
    """Skill -> level, 1 to 5."""
    auto_answer: bool = False
    """The phone takes calls from queues by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent(AgentValues):
    id: UUID
    created_at: datetime


async def insert_agent(db: Connection, tenant_id: TenantId, values: AgentValues) -> Agent:
    """Raises AlreadyExists for a taken extension, NotStorable for a level outside 1-5."""
    with refusals(f"agent {values.extension}"):
        agent_id = await db.fetchval(
            _INSERT, tenant_id, values.name, values.extension, values.auto_answer
        )
        await _insert_skills(db, tenant_id, agent_id, values.skills)
    return await fetch_agent(db, tenant_id, agent_id)


async def fetch_agent(db: Connection, tenant_id: TenantId, agent_id: UUID) -> Agent:
    return _found(await db.fetchrow(_FETCH, tenant_id, agent_id), f"agent {agent_id}")


async def lock_agent(db: Connection, tenant_id: TenantId, agent_id: UUID) -> Agent:
    """As it is, and nobody else can change it until the commit."""
    # A statement of its own: one that waits for the lock sees the skills of before it waited.
    await db.execute(_LOCK, tenant_id, agent_id)
    return await fetch_agent(db, tenant_id, agent_id)


async def fetch_agent_by_extension(db: Connection, tenant_id: TenantId, extension: str) -> Agent:
    return _found(await db.fetchrow(_BY_EXTENSION, tenant_id, extension), f"agent {extension}")


async def update_agent(
    db: Connection, tenant_id: TenantId, agent_id: UUID, values: AgentValues
) -> Agent:
    """Set name, extension and the whole set of skills."""
    with refusals(f"agent {values.extension}"):
        status = await db.execute(
            _UPDATE, tenant_id, agent_id, values.name, values.extension, values.auto_answer
        )
        changed(status, f"agent {agent_id}")
        await db.execute(_DELETE_SKILLS, tenant_id, agent_id)
        await _insert_skills(db, tenant_id, agent_id, values.skills)
    return await fetch_agent(db, tenant_id, agent_id)


async def delete_agent(db: Connection, tenant_id: TenantId, agent_id: UUID) -> None:
    """Records go on naming the agent; phones and users stay, as nobody's."""
    changed(await db.execute(_DELETE, tenant_id, agent_id), f"agent {agent_id}")


async def list_agents(db: Connection, tenant_id: TenantId, page: Page) -> Rows[Agent]:
    statements = listing_of(_PAGES, page, _COUNT, default="extension")
    return await page_of(db, _agent, statements, tenant_id, page.limit, page.offset)


async def list_all_agents(db: Connection, tenant_id: TenantId) -> list[Agent]:
    return [_agent(**row) for row in await db.fetch(_LIST, tenant_id)]


async def _insert_skills(
    db: Connection, tenant_id: TenantId, agent_id: UUID, skills: Mapping[str, int]
) -> None:
    await db.execute(_INSERT_SKILLS, tenant_id, agent_id, list(skills), list(skills.values()))


def _found(row: Row | None, what: str) -> Agent:
    if row is None:
        raise NotFound(what)
    return _agent(**row)


def _agent(*, skills: str, **values: Any) -> Agent:
    return Agent(**values, skills=json.loads(skills))
