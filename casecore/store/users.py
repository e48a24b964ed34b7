"""People who sign in."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from casecore.db.connection import Connection
from casecore.paging import Page, Rows, orderings
from casecore.permissions import Role
from casecore.store.rows import all_of, changed, containing, found, listing_of, page_of, refusals
from config.tenancy import TenantId

SORT_COLUMNS = {"login": "lower(login)", "display": "display", "created_at": "created_at"}

_COLUMNS = "id, login, display, role, password_hash, agent_id, phone, disabled, created_at"

_INSERT = f"""
    insert into users
           (tenant_id, login, display, role, password_hash, agent_id, disabled, phone)
    values ($1, $2, $3, $4, $5, $6, $7, $8)
    returning {_COLUMNS}
"""
_FETCH = f"select {_COLUMNS} from users where tenant_id = $1 and id = $2"
_BY_LOGIN = f"select {_COLUMNS} from users where tenant_id = $1 and lower(login) = lower($2)"
_UPDATE = f"""
    update users
       set login = $3, display = $4, role = $5, agent_id = $6, disabled = $7, phone = $8
     where tenant_id = $1
       and id = $2
    returning {_COLUMNS}
"""
_SET_HASH = "update users set password_hash = $3 where tenant_id = $1 and id = $2"
_DELETE = "delete from users where tenant_id = $1 and id = $2"
_MATCHES = "tenant_id = $1 and ($2::text is null or login ilike $2 or display ilike $2)"
_COUNT = f"select count(*) from users where {_MATCHES}"
_ENABLED = """
    select u.id, u.role, u.agent_id, coalesce(u.phone, a.extension) as phone
      from users u
      left join agents a on a.tenant_id = u.tenant_id and a.id = u.agent_id
     where u.tenant_id = $1
       and not u.disabled
"""
_LOCK_ROLE = """
    select id
      from users
     where tenant_id = $1
       and role = $2
       and not disabled
     order by id
       for no key update
"""
_AT_PHONE = """
    select u.login
      from users u
      left join agents a on a.tenant_id = u.tenant_id and a.id = u.agent_id
     where u.tenant_id = $1
       and (u.phone = $2 or a.extension = $2)
     order by lower(u.login)
"""
_PAGES = orderings(
    f"select {_COLUMNS} from users where {_MATCHES}",
    SORT_COLUMNS,
    unique="id",
    page="limit $3 offset $4",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class UserValues:
    login: str
    display: str
    role: Role
    agent_id: UUID | None = None
    """The agent this person is, if any."""
    disabled: bool = False
    phone: str | None = None
    """The phone of somebody who is no agent; an agent's is the extension."""


@dataclass(frozen=True, slots=True, kw_only=True)
class User(UserValues):
    id: UUID
    password_hash: str = field(repr=False)
    created_at: datetime

    def __post_init__(self) -> None:
        object.__setattr__(self, "role", Role(self.role))


@dataclass(frozen=True, slots=True, kw_only=True)
class EnabledUser:
    """What a signed-in person's rights hang on."""

    id: UUID
    role: Role
    agent_id: UUID | None
    phone: str | None

    def __post_init__(self) -> None:
        object.__setattr__(self, "role", Role(self.role))


async def insert_user(
    db: Connection, tenant_id: TenantId, values: UserValues, password_hash: str
) -> User:
    """Raises AlreadyExists for a taken login, UnknownReference for an unknown agent."""
    with refusals(f"user {values.login}"):
        row = await db.fetchrow(
            _INSERT,
            tenant_id,
            values.login,
            values.display,
            values.role,
            password_hash,
            values.agent_id,
            values.disabled,
            values.phone,
        )
    return found(User, row, values.login)


async def fetch_user(db: Connection, tenant_id: TenantId, user_id: UUID) -> User:
    return found(User, await db.fetchrow(_FETCH, tenant_id, user_id), f"user {user_id}")


async def find_user_by_login(db: Connection, tenant_id: TenantId, login: str) -> User | None:
    """None rather than an error: a wrong login must look like a wrong password."""
    row = await db.fetchrow(_BY_LOGIN, tenant_id, login)
    return User(**row) if row is not None else None


async def update_user(
    db: Connection, tenant_id: TenantId, user_id: UUID, values: UserValues
) -> User:
    """Set everything but the password."""
    with refusals(f"user {values.login}"):
        row = await db.fetchrow(
            _UPDATE,
            tenant_id,
            user_id,
            values.login,
            values.display,
            values.role,
            values.agent_id,
            values.disabled,
            values.phone,
        )
    return found(User, row, f"user {user_id}")


async def update_password(
    db: Connection, tenant_id: TenantId, user_id: UUID, password_hash: str
) -> None:
    status = await db.execute(_SET_HASH, tenant_id, user_id, password_hash)
    changed(status, f"user {user_id}")


async def delete_user(db: Connection, tenant_id: TenantId, user_id: UUID) -> None:
    """Their refresh tokens go with them."""
    changed(await db.execute(_DELETE, tenant_id, user_id), f"user {user_id}")


async def list_users(
    db: Connection, tenant_id: TenantId, page: Page, search: str = ""
) -> Rows[User]:
    """Those with `search` in login or name."""
    statements = listing_of(_PAGES, page, _COUNT, default="login")
    pattern = containing(search)
    return await page_of(db, User, statements, tenant_id, pattern, page.limit, page.offset)


async def list_enabled_users(db: Connection, tenant_id: TenantId) -> list[EnabledUser]:
    return all_of(EnabledUser, await db.fetch(_ENABLED, tenant_id))


async def lock_enabled_of_role(db: Connection, tenant_id: TenantId, role: Role) -> list[UUID]:
    """Who has the role and may sign in; nobody else can take it from them until the commit."""
    return [row["id"] for row in await db.fetch(_LOCK_ROLE, tenant_id, role)]


async def list_logins_at(db: Connection, tenant_id: TenantId, phone: str) -> list[str]:
    """Who is rung at that phone, as an agent or not."""
    return [row["login"] for row in await db.fetch(_AT_PHONE, tenant_id, phone)]
