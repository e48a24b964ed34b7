"""Tenants: the one collection that is read before a tenant has been entered."""

from dataclasses import dataclass
from datetime import datetime

from casecore.db.connection import Connection
from casecore.store.rows import all_of, found, refusals
from config.tenancy import TenantId

_COLUMNS = "id, name, slug, sip_domain, is_default, created_at"

_INSERT = f"""
    insert into tenants (name, slug, sip_domain, is_default)
    values ($1, $2, lower($3), $4)
    returning {_COLUMNS}
"""
_FETCH = f"select {_COLUMNS} from tenants where id = $1"
_BY_SLUG = f"select {_COLUMNS} from tenants where slug = $1"
_DEFAULT = f"select {_COLUMNS} from tenants where is_default"
_LIST = f"select {_COLUMNS} from tenants order by created_at, id"


@dataclass(frozen=True, slots=True)
class Tenant:
    id: TenantId
    name: str
    slug: str
    """What a person types to say which tenant they mean."""
    sip_domain: str | None
    """Host part by which phones name the tenant; the default tenant needs none."""
    is_default: bool
    created_at: datetime


async def insert_tenant(
    db: Connection, name: str, slug: str, *, sip_domain: str | None = None, is_default: bool = False
) -> Tenant:
    """Raises AlreadyExists for a taken slug or domain, and for a second default tenant."""
    with refusals(f"tenant {slug}"):
        row = await db.fetchrow(_INSERT, name, slug, sip_domain, is_default)
    return found(Tenant, row, slug)


async def fetch_tenant(db: Connection, tenant_id: TenantId) -> Tenant:
    return found(Tenant, await db.fetchrow(_FETCH, tenant_id), f"tenant {tenant_id}")


async def fetch_tenant_by_slug(db: Connection, slug: str) -> Tenant:
    return found(Tenant, await db.fetchrow(_BY_SLUG, slug), f"tenant {slug}")


async def fetch_default_tenant(db: Connection) -> Tenant:
    return found(Tenant, await db.fetchrow(_DEFAULT), "default tenant")


async def list_tenants(db: Connection) -> list[Tenant]:
    return all_of(Tenant, await db.fetch(_LIST))
