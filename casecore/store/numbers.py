"""Numbers that can be dialled, and the flow each leads to."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from casecore.db.connection import Connection
from casecore.paging import Page, Rows, orderings
from casecore.store.rows import all_of, changed, containing, found, listing_of, page_of, refusals
from config.tenancy import TenantId

SORT_COLUMNS = {"number": "n.number", "created_at": "n.created_at"}

_SELECT = """
    select n.number, n.flow_id, f.name as flow_name, n.created_at
      from numbers n
      join flows f on f.tenant_id = n.tenant_id and f.id = n.flow_id
     where n.tenant_id = $1
"""
_FETCH = _SELECT + " and n.number = $2"
_LIST = _SELECT + " order by n.number"
_MATCHES = " and ($2::text is null or n.number ilike $2 or f.name ilike $2)"
_PAGES = orderings(_SELECT + _MATCHES, SORT_COLUMNS, unique="n.number", page="limit $3 offset $4")
_COUNT = f"select count(*) from ({_SELECT} {_MATCHES}) matching"
_INSERT = """
    insert into numbers (tenant_id, number, flow_id)
    select $1, $2, f.id
      from flows f
     where f.tenant_id = $1
       and f.id = $3
       and f.deleted_at is null
"""
_UPDATE = """
    update numbers
       set flow_id = f.id
      from flows f
     where numbers.tenant_id = $1
       and numbers.number = $2
       and f.tenant_id = $1
       and f.id = $3
       and f.deleted_at is null
"""
_DELETE = "delete from numbers where tenant_id = $1 and number = $2"


@dataclass(frozen=True, slots=True)
class Number:
    number: str
    flow_id: UUID
    flow_name: str
    created_at: datetime


async def insert_number(db: Connection, tenant_id: TenantId, number: str, flow_id: UUID) -> Number:
    """Raises AlreadyExists for a taken number, NotFound for an unknown flow."""
    with refusals(f"number {number}"):
        status = await db.execute(_INSERT, tenant_id, number, flow_id)
    changed(status, f"flow {flow_id}")
    return await fetch_number(db, tenant_id, number)


async def fetch_number(db: Connection, tenant_id: TenantId, number: str) -> Number:
    return found(Number, await db.fetchrow(_FETCH, tenant_id, number), f"number {number}")


async def update_number(db: Connection, tenant_id: TenantId, number: str, flow_id: UUID) -> Number:
    status = await db.execute(_UPDATE, tenant_id, number, flow_id)
    changed(status, f"number {number} or flow {flow_id}")
    return await fetch_number(db, tenant_id, number)


async def delete_number(db: Connection, tenant_id: TenantId, number: str) -> None:
    changed(await db.execute(_DELETE, tenant_id, number), f"number {number}")


async def list_numbers(
    db: Connection, tenant_id: TenantId, page: Page, search: str = ""
) -> Rows[Number]:
    """Those with `search` in number or flow."""
    statements = listing_of(_PAGES, page, _COUNT, default="number")
    pattern = containing(search)
    return await page_of(db, Number, statements, tenant_id, pattern, page.limit, page.offset)


async def list_all_numbers(db: Connection, tenant_id: TenantId) -> list[Number]:
    return all_of(Number, await db.fetch(_LIST, tenant_id))
