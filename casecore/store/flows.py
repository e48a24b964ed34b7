"""Flows and their versions; what a document means is not known here."""

import json
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from casecore.db.connection import Connection, Row
from casecore.errors import NotFound, StillInUse
from casecore.paging import Page, Rows, orderings
from casecore.store.rows import all_of, changed, found, listing_of, page_of, plain_json, refusals
from config.tenancy import TenantId

SORT_COLUMNS = {"name": "lower(name)", "created_at": "created_at"}

_COLUMNS = "id, name, latest_version, published_version, created_at"
_SELECT = f"select {_COLUMNS} from flows where tenant_id = $1 and deleted_at is null"

_INSERT = f"insert into flows (tenant_id, name) values ($1, $2) returning {_COLUMNS}"
_FETCH = _SELECT + " and id = $2"
_BY_NAME = _SELECT + " and lower(name) = lower($2)"
_PAGES = orderings(_SELECT, SORT_COLUMNS, unique="id", page="limit $2 offset $3")
_COUNT = "select count(*) from flows where tenant_id = $1 and deleted_at is null"
_RENAME = f"""
    update flows
       set name = $3
     where tenant_id = $1
       and id = $2
       and deleted_at is null
    returning {_COLUMNS}
"""
_INSERT_VERSION = """
    with flow as (
        update flows
           set latest_version = latest_version + 1
         where tenant_id = $1
           and id = $2
           and deleted_at is null
     returning tenant_id, id, latest_version
    )
    insert into flow_versions (tenant_id, flow_id, version, document, created_by)
    select tenant_id, id, latest_version, $3::jsonb, $4 from flow
    returning version
"""
_VERSION_COLUMNS = "v.flow_id, f.name, v.version, v.document, v.created_by, v.created_at"
_FETCH_VERSION = f"""
    select {_VERSION_COLUMNS}
      from flow_versions v
      join flows f on f.tenant_id = v.tenant_id and f.id = v.flow_id
     where v.tenant_id = $1
       and v.flow_id = $2
       and v.version = $3
"""
_LIST_VERSIONS = """
    select v.version, v.created_by, v.created_at,
           v.version is not distinct from f.published_version as published
      from flow_versions v
      join flows f on f.tenant_id = v.tenant_id and f.id = v.flow_id
     where v.tenant_id = $1
       and v.flow_id = $2
     order by v.version desc
"""
_LIST_PUBLISHED = f"""
    select {_VERSION_COLUMNS}
      from flows f
      join flow_versions v on v.tenant_id = f.tenant_id
                          and v.flow_id = f.id
                          and v.version = f.published_version
     where f.tenant_id = $1
       and f.deleted_at is null
     order by lower(f.name), f.id
"""
_PUBLISH = f"""
    update flows
       set published_version = $3
     where tenant_id = $1
       and id = $2
       and deleted_at is null
       and exists (select from flow_versions v
                    where v.tenant_id = $1 and v.flow_id = $2 and v.version = $3)
    returning {_COLUMNS}
"""
_NUMBER_OF = "select number from numbers where tenant_id = $1 and flow_id = $2 limit 1"
_DELETE = """
    update flows
       set deleted_at = now()
     where tenant_id = $1
       and id = $2
       and deleted_at is null
"""


@dataclass(frozen=True, slots=True)
class Flow:
    id: UUID
    name: str
    latest_version: int
    """0 as long as there is none."""
    published_version: int | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class FlowVersion:
    flow_id: UUID
    name: str
    version: int
    document: object
    """The parsed JSON."""
    created_by: UUID | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class FlowVersionHead:
    """A version without its document."""

    version: int
    created_by: UUID | None
    created_at: datetime
    published: bool


async def insert_flow(db: Connection, tenant_id: TenantId, name: str) -> Flow:
    """Raises AlreadyExists for a taken name."""
    with refusals(f"flow {name}"):
        row = await db.fetchrow(_INSERT, tenant_id, name)
    return found(Flow, row, name)


async def fetch_flow(db: Connection, tenant_id: TenantId, flow_id: UUID) -> Flow:
    return found(Flow, await db.fetchrow(_FETCH, tenant_id, flow_id), f"flow {flow_id}")


async def fetch_flow_by_name(db: Connection, tenant_id: TenantId, name: str) -> Flow:
    return found(Flow, await db.fetchrow(_BY_NAME, tenant_id, name), f"flow {name}")


async def update_flow_name(db: Connection, tenant_id: TenantId, flow_id: UUID, name: str) -> Flow:
    with refusals(f"flow {name}"):
        row = await db.fetchrow(_RENAME, tenant_id, flow_id, name)
    return found(Flow, row, f"flow {flow_id}")


async def insert_flow_version(
    db: Connection,
    tenant_id: TenantId,
    flow_id: UUID,
    document: object,
    *,
    created_by: UUID | None = None,
) -> int:
    """Keep a document (JSON-serialisable, already validated) as the next version; its number."""
    text = plain_json(json.dumps(document))
    version = await db.fetchval(_INSERT_VERSION, tenant_id, flow_id, text, created_by)
    if version is None:
        raise NotFound(f"flow {flow_id}")
    return int(version)


async def publish_flow_version(
    db: Connection, tenant_id: TenantId, flow_id: UUID, version: int
) -> Flow:
    """New calls follow this version from the next refresh on."""
    row = await db.fetchrow(_PUBLISH, tenant_id, flow_id, version)
    return found(Flow, row, f"flow {flow_id} version {version}")


async def fetch_flow_version(
    db: Connection, tenant_id: TenantId, flow_id: UUID, version: int
) -> FlowVersion:
    row = await db.fetchrow(_FETCH_VERSION, tenant_id, flow_id, version)
    if row is None:
        raise NotFound(f"flow {flow_id} version {version}")
    return _version(row)


async def list_flow_versions(
    db: Connection, tenant_id: TenantId, flow_id: UUID
) -> list[FlowVersionHead]:
    """Newest first."""
    return all_of(FlowVersionHead, await db.fetch(_LIST_VERSIONS, tenant_id, flow_id))


async def list_published_flows(db: Connection, tenant_id: TenantId) -> list[FlowVersion]:
    return [_version(row) for row in await db.fetch(_LIST_PUBLISHED, tenant_id)]


async def list_flows(db: Connection, tenant_id: TenantId, page: Page) -> Rows[Flow]:
    statements = listing_of(_PAGES, page, _COUNT, default="name")
    return await page_of(db, Flow, statements, tenant_id, page.limit, page.offset)


async def delete_flow(db: Connection, tenant_id: TenantId, flow_id: UUID) -> None:
    """Raises StillInUse while a number leads to it; records go on naming it."""
    number = await db.fetchval(_NUMBER_OF, tenant_id, flow_id)
    if number is not None:
        raise StillInUse(f"number {number} leads to flow {flow_id}")
    changed(await db.execute(_DELETE, tenant_id, flow_id), f"flow {flow_id}")


def _version(row: Row) -> FlowVersion:
    return FlowVersion(**{**row, "document": json.loads(row["document"])})
