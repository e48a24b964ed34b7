"""SIP trunks: the PBXs and carriers we exchange calls with."""

from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import IPv4Network, IPv6Network
from uuid import UUID

from casecore.db.connection import Connection
from casecore.paging import Page, Rows, orderings
from casecore.store.rows import all_of, changed, found, listing_of, page_of, refusals
from config.tenancy import TenantId

SORT_COLUMNS = {"name": "lower(name)", "created_at": "created_at"}

_VALUES = "name, networks, target, username, password, enabled, register"
_COLUMNS = f"id, {_VALUES}, created_at"
_SELECT = f"select {_COLUMNS} from trunks where tenant_id = $1"

_INSERT = f"""
    insert into trunks (tenant_id, {_VALUES})
    values ($1, $2, $3, $4, $5, $6, $7, $8)
    returning {_COLUMNS}
"""
_FETCH = _SELECT + " and id = $2"
_LIST = _SELECT + " order by lower(name), id"
_PAGES = orderings(_SELECT, SORT_COLUMNS, unique="id", page="limit $2 offset $3")
_COUNT = "select count(*) from trunks where tenant_id = $1"
_UPDATE = f"""
    update trunks
       set ({_VALUES}) = ($3, $4, $5, $6, $7, $8, $9)
     where tenant_id = $1
       and id = $2
    returning {_COLUMNS}
"""
_DELETE = "delete from trunks where tenant_id = $1 and id = $2"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrunkValues:
    name: str
    networks: tuple[IPv4Network | IPv6Network, ...] = ()
    """Where its calls come from."""
    target: str | None = None
    """SIP URI for calls towards it; none for a trunk that only receives."""
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    enabled: bool = True
    register: bool = False
    """Whether we register with it; it then has a target, a username and a password."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "networks", tuple(self.networks))


@dataclass(frozen=True, slots=True, kw_only=True)
class Trunk(TrunkValues):
    id: UUID
    created_at: datetime


async def insert_trunk(db: Connection, tenant_id: TenantId, values: TrunkValues) -> Trunk:
    """Raises AlreadyExists for a taken name."""
    with refusals(f"trunk {values.name}"):
        row = await db.fetchrow(_INSERT, tenant_id, *_arguments(values))
    return found(Trunk, row, values.name)


async def fetch_trunk(db: Connection, tenant_id: TenantId, trunk_id: UUID) -> Trunk:
    return found(Trunk, await db.fetchrow(_FETCH, tenant_id, trunk_id), f"trunk {trunk_id}")


async def update_trunk(
    db: Connection, tenant_id: TenantId, trunk_id: UUID, values: TrunkValues
) -> Trunk:
    with refusals(f"trunk {values.name}"):
        row = await db.fetchrow(_UPDATE, tenant_id, trunk_id, *_arguments(values))
    return found(Trunk, row, f"trunk {trunk_id}")


async def delete_trunk(db: Connection, tenant_id: TenantId, trunk_id: UUID) -> None:
    changed(await db.execute(_DELETE, tenant_id, trunk_id), f"trunk {trunk_id}")


async def list_trunks(db: Connection, tenant_id: TenantId, page: Page) -> Rows[Trunk]:
    statements = listing_of(_PAGES, page, _COUNT, default="name")
    return await page_of(db, Trunk, statements, tenant_id, page.limit, page.offset)


async def list_all_trunks(db: Connection, tenant_id: TenantId) -> list[Trunk]:
    return all_of(Trunk, await db.fetch(_LIST, tenant_id))


def _arguments(values: TrunkValues) -> tuple[object, ...]:
    return (
        values.name,
        list(values.networks),
        values.target,
        values.username,
        values.password,
        values.enabled,
        values.register,
    )
