"""A real PostgreSQL for tests: one server per session, one migrated database per test.

`TEST_DATABASE_URL` names another server to use; its user must be able to create databases.
"""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from tempfile import mkdtemp
from urllib.parse import urlsplit

import asyncpg
import pytest
import pytest_asyncio

from casecore.db.access import APP_ROLE, OWNER_ROLE, Access, prepare
from casecore.db.database import Database
from casecore.db.embedded import EmbeddedOptions, EmbeddedPostgres
from casecore.store.tenants import insert_tenant
from config.tenancy import TenantId

_numbers = count()


@dataclass(frozen=True, slots=True)
class FreshDatabase:
    """A migrated database of one test's own."""

    name: str
    access: Access
    owner_dsn: str
    """Signs in as the owner of the tables."""
    admin_dsn: str
    """May do anything to tables: a superuser where the server is ours."""


class PostgresServer:
    """Makes databases from a template that is migrated once."""

    def __init__(self, admin_dsn: str, postgres: EmbeddedPostgres | None) -> None:
        self.admin_dsn = admin_dsn
        self.template = f"murima_test_{os.getpid()}"
        self._postgres = postgres

    def dsn(self, database: str, role: str | None = None) -> str:
        if self._postgres is not None and role is not None:
            return self._postgres.dsn(role, database)
        return urlsplit(self.admin_dsn)._replace(path=f"/{database}").geturl()

    async def make_template(self) -> None:
        if self._postgres is not None:
            await prepare(self._postgres)
            self.template = "murima"
            return
        await self.execute(f"create database {self.template}")
        await prepare(self.dsn(self.template))

    async def make(self, *, empty: bool = False) -> FreshDatabase:
        name = f"murima_test_{os.getpid()}_{next(_numbers)}"
        origin = "" if empty else f"template {self.template} strategy file_copy"
        owner = f"owner {OWNER_ROLE}" if self._postgres is not None else ""
        await self.execute(f"create database {name} {origin} {owner}")
        embedded = self._postgres is not None
        access = Access(self.dsn(name, APP_ROLE), None if embedded else APP_ROLE)
        return FreshDatabase(name, access, self.dsn(name, OWNER_ROLE), self.dsn(name))

    async def drop(self, name: str) -> None:
        await self.execute(f"drop database {name} with (force)")

    async def execute(self, statement: str) -> None:
        connection = await asyncpg.connect(self.admin_dsn)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    url = os.environ.get("TEST_DATABASE_URL")
    if url is not None:
        server = PostgresServer(url, None)
        asyncio.run(server.make_template())
        yield server
        asyncio.run(server.drop(server.template))
        return
    folder = Path(mkdtemp(prefix="murima-test-", dir="/tmp"))
    folder.chmod(0o711)  # as root, PostgreSQL runs as somebody else below it
    options = EmbeddedOptions(system_dir=folder / "system", durable=False)
    postgres = EmbeddedPostgres(folder / "postgres", options)
    asyncio.run(postgres.start())
    try:
        server = PostgresServer(postgres.dsn(), postgres)
        asyncio.run(server.make_template())
        yield server
    finally:
        asyncio.run(postgres.stop())
        shutil.rmtree(folder)


@pytest_asyncio.fixture
async def fresh_database(postgres_server: PostgresServer) -> AsyncIterator[FreshDatabase]:
    made = await postgres_server.make()
    yield made
    await postgres_server.drop(made.name)


@pytest_asyncio.fixture
async def database(fresh_database: FreshDatabase) -> AsyncIterator[Database]:
    """What the server itself uses: the application's role, behind row-level security."""
    opened = await Database.connect(fresh_database.access, pool_size=4)
    yield opened
    await opened.close()


@pytest_asyncio.fixture
async def owner(fresh_database: FreshDatabase) -> AsyncIterator[asyncpg.Connection]:
    """The owner of the tables, for looking at the catalogue and for doing harm."""
    connection = await asyncpg.connect(fresh_database.owner_dsn)
    yield connection
    await connection.close()


@pytest_asyncio.fixture
async def tenant(database: Database) -> TenantId:
    """The default tenant."""
    async with database.system_tx() as db:
        return (await insert_tenant(db, "Here", "here", is_default=True)).id


@pytest_asyncio.fixture
async def other_tenant(database: Database) -> TenantId:
    """A second one, whose rows nobody of the first may touch."""
    async with database.system_tx() as db:
        return (await insert_tenant(db, "There", "there")).id
