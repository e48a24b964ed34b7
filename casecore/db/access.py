"""Makes a database fit for the server: its roles, its schema, and who signs in as whom.

Two roles: the owner of the tables changes the schema; the application's role only reads and
writes rows, and cannot step around row-level security.
"""

from contextlib import suppress
from dataclasses import dataclass, field

import asyncpg

from casecore.db.embedded import EmbeddedPostgres
from casecore.db.errors import DatabaseUnavailable, DatabaseUnfit
from casecore.db.migrations import migrate, packaged_migrations

APP_ROLE = "cc_app"
OWNER_ROLE = "cc_owner"
DATABASE = "murima"
_OLDEST = 150_000

_FIND_ROLE = "select 1 from pg_roles where rolname = $1"
_MAY_BE_ROLE = "select pg_has_role(current_user, $1, 'member')"


@dataclass(frozen=True, slots=True)
class Access:
    app_dsn: str = field(repr=False)
    """How the server signs in at run time."""
    app_role: str | None
    """The role to take after that, where the login itself is the owner's.

    Weaker than a login of its own, because a statement could step back out of the role; but no
    statement of ours is made of anything but constants and parameters.
    """


async def prepare(source: str | EmbeddedPostgres) -> Access:
    """Create what is missing in a database of the customer's (its URL) or in our own.

    Raises DatabaseUnavailable, DatabaseUnfit and MigrationRefused.
    """
    try:
        if isinstance(source, str):
            return await _prepare_external(source)
        return await _prepare_embedded(source)
    except (OSError, asyncpg.PostgresConnectionError, asyncpg.CannotConnectNowError) as error:
        raise DatabaseUnavailable(f"database: cannot connect: {error}") from error
    except (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError) as e:
        raise DatabaseUnfit(f"database: {e}") from e
    except ValueError as error:
        # asyncpg's words could repeat the URL, and with it the password.
        raise DatabaseUnfit("database.url: is not a PostgreSQL URL") from error


async def _prepare_embedded(postgres: EmbeddedPostgres) -> Access:
    superuser = await asyncpg.connect(postgres.dsn())
    try:
        for role in (OWNER_ROLE, APP_ROLE):
            if not await superuser.fetchval(_FIND_ROLE, role):
                await superuser.execute(f"create role {role} nosuperuser nobypassrls")
            # Hexadecimal, so it needs no quoting; set every time, in case the file was renewed.
            await superuser.execute(f"alter role {role} login password '{postgres.password(role)}'")
        if not await superuser.fetchval("select 1 from pg_database where datname = $1", DATABASE):
            await superuser.execute(f"create database {DATABASE} owner {OWNER_ROLE}")
            await superuser.execute(f"revoke all on database {DATABASE} from public")
            await superuser.execute(f"grant connect on database {DATABASE} to {APP_ROLE}")
    finally:
        await superuser.close()
    owner = await asyncpg.connect(postgres.dsn(OWNER_ROLE, DATABASE))
    try:
        await migrate(owner, packaged_migrations())
    finally:
        await owner.close()
    return Access(postgres.dsn(APP_ROLE, DATABASE), None)


async def _prepare_external(url: str) -> Access:
    owner = await asyncpg.connect(url, timeout=10)
    try:
        version = int(await owner.fetchval("show server_version_num"))
        if version < _OLDEST:
            raise DatabaseUnfit(
                f"database.url: PostgreSQL {version // 10_000} is too old; 15 is the oldest"
            )
        await _ensure_app_role(owner)
        await migrate(owner, packaged_migrations())
    finally:
        await owner.close()
    return Access(url, APP_ROLE)


async def _ensure_app_role(owner: asyncpg.Connection) -> None:
    try:
        if not await owner.fetchval(_FIND_ROLE, APP_ROLE):
            # Another server may be doing the same at this moment.
            with suppress(asyncpg.DuplicateObjectError, asyncpg.UniqueViolationError):
                await owner.execute(f"create role {APP_ROLE} nologin nosuperuser nobypassrls")
        if not await _may_be_app_role(owner):
            await owner.execute(f"grant {APP_ROLE} to current_user")
    except asyncpg.InsufficientPrivilegeError as error:
        user = await owner.fetchval("select quote_ident(current_user)")
        raise DatabaseUnfit(
            f"database.url: its user may not set up the role {APP_ROLE}; run as a superuser: "
            f"create role {APP_ROLE} nologin; grant {APP_ROLE} to {user};"
        ) from error


async def _may_be_app_role(owner: asyncpg.Connection) -> bool:
    """Whether `set role` will work: since PostgreSQL 16 membership alone is not enough."""
    if not await owner.fetchval(_MAY_BE_ROLE, APP_ROLE):
        return False
    try:
        await owner.execute(f"set role {APP_ROLE}")
    except asyncpg.InsufficientPrivilegeError:
        return False
    await owner.execute("reset role")
    return True
