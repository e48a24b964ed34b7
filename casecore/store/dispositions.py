"""What may become of a call: the tenant's own list."""

from dataclasses import dataclass

from casecore.db.connection import Connection
from casecore.store.rows import all_of, changed, found, refusals
from config.tenancy import TenantId

_COLUMNS = "code, label, position"

_LIST = f"select {_COLUMNS} from dispositions where tenant_id = $1 order by position, code"
_INSERT = f"""
    insert into dispositions (tenant_id, code, label, position)
    values ($1, $2, $3, $4)
    returning {_COLUMNS}
"""
_UPDATE = f"""
    update dispositions
       set label = $3, position = $4
     where tenant_id = $1
       and code = $2
    returning {_COLUMNS}
"""
_DELETE = "delete from dispositions where tenant_id = $1 and code = $2"


@dataclass(frozen=True, slots=True, kw_only=True)
class Disposition:
    code: str
    """What calls are marked with: it never changes."""
    label: str
    position: int = 0


async def list_dispositions(db: Connection, tenant_id: TenantId) -> list[Disposition]:
    """In the order in which people choose from them."""
    return all_of(Disposition, await db.fetch(_LIST, tenant_id))


async def insert_disposition(
    db: Connection, tenant_id: TenantId, values: Disposition
) -> Disposition:
    """Raises AlreadyExists for a taken code."""
    with refusals(f"disposition {values.code}"):
        row = await db.fetchrow(_INSERT, tenant_id, values.code, values.label, values.position)
    return found(Disposition, row, values.code)


async def update_disposition(
    db: Connection, tenant_id: TenantId, values: Disposition
) -> Disposition:
    with refusals(f"disposition {values.code}"):
        row = await db.fetchrow(_UPDATE, tenant_id, values.code, values.label, values.position)
    return found(Disposition, row, f"disposition {values.code}")


async def delete_disposition(db: Connection, tenant_id: TenantId, code: str) -> None:
    """Calls that are marked with it stay so."""
    changed(await db.execute(_DELETE, tenant_id, code), f"disposition {code}")
