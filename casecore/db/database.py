"""Transactions for everybody who reads or writes records.

A connection is only ever lent inside a transaction that has entered one tenant, or none.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from uuid import UUID

import asyncpg

from casecore.db.access import Access, prepare
from casecore.db.connection import Connection
from casecore.db.embedded import EmbeddedPostgres
from casecore.db.errors import DatabaseError, DatabaseUnavailable, DatabaseUnfit
from casecore.db.listening import Listening, listening
from config.tenancy import TenantId

_ACQUIRE_SECONDS = 10.0
_STATEMENT_SECONDS = 30
_COMMAND_SECONDS = 40.0
"""For a server that does not even answer; longer than what the server itself allows."""

_CLOSE_SECONDS = 5.0

_ENTER = "select set_config('app.tenant_id', $1, true)"
_WHO_AM_I = """
    select r.rolsuper or r.rolbypassrls as unbound,
           exists (select from pg_class c
                    where c.oid = 'tenants'::regclass
                      and c.relowner = r.oid) as owns
      from pg_roles r
     where r.rolname = current_user
"""

# SQLSTATE classes after which the same work may succeed later: connection, rollback by
# deadlock, resources, operator intervention (also a statement timeout), system error.
_PASSING = ("08", "40", "53", "57", "58")
_READ_ONLY = "25006"
"""A standby: what is left of a failover that is going on."""


class Database:
    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    @classmethod
    async def open(cls, source: str | EmbeddedPostgres, *, pool_size: int = 8) -> "Database":
        """Prepare the database behind a URL, or our own running one, and connect to it.

        Raises DatabaseUnavailable, DatabaseUnfit and MigrationRefused.
        """
        return await cls.connect(await prepare(source), pool_size=pool_size)

    @classmethod
    async def connect(cls, access: Access, *, pool_size: int = 8) -> "Database":
        """Connect to a prepared database; raises DatabaseUnavailable and DatabaseUnfit."""
        settings = {
            "application_name": "murima",
            "statement_timeout": f"{_STATEMENT_SECONDS}s",
            "idle_in_transaction_session_timeout": "60s",
            "timezone": "UTC",
        }
        if access.app_role is not None:
            settings["role"] = access.app_role
        pool = asyncpg.create_pool(
            access.app_dsn,
            min_size=0,
            max_size=pool_size + 1,  # one more, which listens
            command_timeout=_COMMAND_SECONDS,
            server_settings=settings,
            # Nobody leaves session state behind, so resetting it would be a round trip for
            # nothing; asyncpg itself still rolls back what was left open.
            reset=_no_reset,
        )
        database = cls(await pool)
        try:
            await database._refuse_unbound_role()
        except BaseException:
            await database.close()
            raise
        return database

    async def close(self) -> None:
        """Wait a moment for open transactions, then cut them off."""
        try:
            async with asyncio.timeout(_CLOSE_SECONDS):
                await self._pool.close()
        except TimeoutError:
            self._pool.terminate()

    @asynccontextmanager
    async def tenant_tx(self, tenant_id: TenantId) -> AsyncIterator[Connection]:
        """One transaction that sees this tenant's rows only.

        Raises DatabaseUnavailable when the work may be tried again.
        """
        # Through UUID, so that nothing but hexadecimal digits can reach the statement.
        enter = f"begin; set local app.tenant_id = '{UUID(str(tenant_id))}'"
        async with self._transaction(enter) as connection:
            yield connection

    @asynccontextmanager
    async def system_tx(self) -> AsyncIterator[Connection]:
        """One transaction outside of any tenant: tenants themselves and journal positions."""
        async with self._transaction("begin") as connection:
            yield connection

    @asynccontextmanager
    async def listening(self, channel: str) -> AsyncIterator[Listening]:
        """Hear what the database is told on `channel`; one block at a time.

        Raises DatabaseUnavailable when the connection is lost; what is told then is not heard.
        """
        connection = await self._acquire()
        try:
            async with listening(connection, channel) as heard:
                yield heard
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise DatabaseUnavailable(_line(error)) from error
        finally:
            await self._pool.release(connection)

    async def ping(self) -> None:
        """Raises DatabaseUnavailable."""
        async with self.system_tx() as connection:
            await connection.fetchval("select 1")

    @asynccontextmanager
    async def _transaction(self, begin: str) -> AsyncIterator[Connection]:
        connection = await self._acquire()
        try:
            await connection.execute(begin)
            yield connection
            if await connection.execute("commit") != "COMMIT":
                raise DatabaseError("database: a statement had failed before the commit")
        except BaseException as error:
            lost = _is_lost(connection)
            with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
                await connection.execute("rollback")
            if _may_pass(error, lost=lost):
                raise DatabaseUnavailable(_line(error)) from error
            raise
        finally:
            await self._pool.release(connection)

    async def _acquire(self) -> asyncpg.Connection:
        try:
            return await self._pool.acquire(timeout=_ACQUIRE_SECONDS)
        except (
            OSError,
            TimeoutError,
            asyncpg.InterfaceError,
            asyncpg.InternalClientError,
        ) as error:
            raise DatabaseUnavailable(_line(error)) from error
        except asyncpg.PostgresError as error:
            if _may_pass(error, lost=False):
                raise DatabaseUnavailable(_line(error)) from error
            raise DatabaseUnfit(_line(error)) from error

    async def _refuse_unbound_role(self) -> None:
        async with self.system_tx() as connection:
            row = await connection.fetchrow(_WHO_AM_I)
        if row is None or row["unbound"] or row["owns"]:
            raise DatabaseUnfit(
                "database: the server must not run as a superuser, with bypassrls or as the owner "
                "of the tables, for nothing would keep tenants apart"
            )


async def enter_tenant(connection: Connection, tenant_id: TenantId) -> None:
    """Go on in another tenant within the same transaction: for the journal, nobody else."""
    await connection.execute(_ENTER, str(tenant_id))


async def _no_reset(_: asyncpg.Connection) -> None:
    return


def _is_lost(connection: asyncpg.Connection) -> bool:
    try:
        return bool(connection.is_closed())
    except asyncpg.InterfaceError:
        # The pool took it back by itself when the server closed it.
        return True


def _may_pass(error: BaseException, *, lost: bool) -> bool:
    """Whether the error says that the server is away or overloaded, rather than that we erred."""
    if isinstance(error, asyncpg.PostgresError):
        state = error.sqlstate or ""
        return state.startswith(_PASSING) or state == _READ_ONLY
    if isinstance(error, asyncpg.InterfaceError):
        return lost
    # asyncpg reports some lost connections as an internal error: its parser met the end of the
    # stream in a state where it expected more.
    return isinstance(error, ConnectionError | TimeoutError | asyncpg.InternalClientError)


def _line(error: BaseException) -> str:
    return f"database: {str(error) or type(error).__name__}".partition("\n")[0]
