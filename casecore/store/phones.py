"""SIP users that may register: desk phones and softphones."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from casecore.db.connection import Connection
from casecore.paging import Page, Rows, orderings
from casecore.store.rows import all_of, changed, found, listing_of, page_of, refusals
from config.tenancy import TenantId

SORT_COLUMNS = {"user": "username", "display": "display", "created_at": "created_at"}

_COLUMNS = 'username as "user", display, ha1_md5, ha1_sha256, agent_id, created_at'
_SELECT = f"select {_COLUMNS} from phones where tenant_id = $1"

_INSERT = f"""
    insert into phones (tenant_id, username, display, ha1_md5, ha1_sha256, agent_id)
    values ($1, $2, $3, $4, $5, $6)
    returning {_COLUMNS}
"""
_FETCH = _SELECT + " and username = $2"
_LIST = _SELECT + " order by username"
_PAGES = orderings(_SELECT, SORT_COLUMNS, unique="username", page="limit $2 offset $3")
_COUNT = "select count(*) from phones where tenant_id = $1"
_UPDATE = f"""
    update phones
       set display = $3, agent_id = $4
     where tenant_id = $1
       and username = $2
    returning {_COLUMNS}
"""
_SET_SECRETS = """
    update phones
       set ha1_md5 = $3, ha1_sha256 = $4
     where tenant_id = $1
       and username = $2
"""
_DELETE = "delete from phones where tenant_id = $1 and username = $2"


@dataclass(frozen=True, slots=True)
class PhoneSecrets:
    """H(user:realm:password) as digest authentication wants it (RFC 7616)."""

    md5: str = field(repr=False)
    sha256: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Phone:
    user: str
    display: str
    ha1_md5: str = field(repr=False)
    ha1_sha256: str = field(repr=False)
    agent_id: UUID | None
    created_at: datetime


async def insert_phone(
    db: Connection,
    tenant_id: TenantId,
    user: str,
    secrets: PhoneSecrets,
    *,
    display: str = "",
    agent_id: UUID | None = None,
) -> Phone:
    """Raises AlreadyExists for a taken user, UnknownReference for an unknown agent."""
    with refusals(f"phone {user}"):
        row = await db.fetchrow(
            _INSERT, tenant_id, user, display, secrets.md5, secrets.sha256, agent_id
        )
    return found(Phone, row, user)


async def fetch_phone(db: Connection, tenant_id: TenantId, user: str) -> Phone:
    return found(Phone, await db.fetchrow(_FETCH, tenant_id, user), f"phone {user}")


async def update_phone(
    db: Connection, tenant_id: TenantId, user: str, *, display: str, agent_id: UUID | None
) -> Phone:
    with refusals(f"phone {user}"):
        row = await db.fetchrow(_UPDATE, tenant_id, user, display, agent_id)
    return found(Phone, row, f"phone {user}")


async def update_phone_secrets(
    db: Connection, tenant_id: TenantId, user: str, secrets: PhoneSecrets
) -> None:
    status = await db.execute(_SET_SECRETS, tenant_id, user, secrets.md5, secrets.sha256)
    changed(status, f"phone {user}")


async def delete_phone(db: Connection, tenant_id: TenantId, user: str) -> None:
    changed(await db.execute(_DELETE, tenant_id, user), f"phone {user}")


async def list_phones(db: Connection, tenant_id: TenantId, page: Page) -> Rows[Phone]:
    statements = listing_of(_PAGES, page, _COUNT, default="user")
    return await page_of(db, Phone, statements, tenant_id, page.limit, page.offset)


async def list_all_phones(db: Connection, tenant_id: TenantId) -> list[Phone]:
    return all_of(Phone, await db.fetch(_LIST, tenant_id))
