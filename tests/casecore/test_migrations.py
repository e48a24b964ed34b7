"""Migrations are applied once, in order, by one of many, and never after they were edited."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest
import pytest_asyncio

from casecore.db import migrations
from casecore.db.errors import MigrationRefused
from casecore.db.migrations import Migration, migrate, packaged_migrations
from tests.support.database import PostgresServer

FIRST = Migration(1, "0001_first.sql", "create table first (id int)")
SECOND = Migration(2, "0002_second.sql", "create table second (id int); select pg_sleep(0.05)")
BROKEN = Migration(2, "0002_broken.sql", "create table half (id int); select 1 / 0")


@pytest_asyncio.fixture
async def empty_dsn(postgres_server: PostgresServer) -> AsyncIterator[str]:
    made = await postgres_server.make(empty=True)
    yield made.owner_dsn
    await postgres_server.drop(made.name)


async def run(dsn: str, *migrations: Migration) -> int:
    connection = await asyncpg.connect(dsn)
    try:
        return await migrate(connection, migrations)
    finally:
        await connection.close()


async def tables(dsn: str) -> set[str]:
    connection = await asyncpg.connect(dsn)
    try:
        rows = await connection.fetch("select tablename from pg_tables where schemaname = 'public'")
        return {row[0] for row in rows}
    finally:
        await connection.close()


def test_packaged_migrations_are_numbered_without_gaps() -> None:
    versions = [migration.version for migration in packaged_migrations()]
    assert versions == list(range(1, len(versions) + 1))
    assert len(versions) >= 4


async def test_each_is_applied_once(empty_dsn: str) -> None:
    assert await run(empty_dsn, FIRST) == 1
    assert await run(empty_dsn, FIRST, SECOND) == 1
    assert await run(empty_dsn, FIRST, SECOND) == 0
    assert await tables(empty_dsn) == {"first", "second", "schema_migrations"}


async def test_of_servers_that_start_together_one_migrates(empty_dsn: str) -> None:
    applied = await asyncio.gather(*(run(empty_dsn, FIRST, SECOND) for _ in range(4)))
    assert sorted(applied) == [0, 0, 0, 2]


async def test_edited_file_is_refused_by_name(empty_dsn: str) -> None:
    await run(empty_dsn, FIRST)
    edited = Migration(1, FIRST.name, FIRST.sql + " -- harmless")
    with pytest.raises(MigrationRefused, match=r"0001_first\.sql was edited"):
        await run(empty_dsn, edited, SECOND)
    assert "second" not in await tables(empty_dsn)


async def test_database_of_a_newer_server_is_refused(empty_dsn: str) -> None:
    await run(empty_dsn, FIRST, SECOND)
    with pytest.raises(MigrationRefused, match="newer version"):
        await run(empty_dsn, FIRST)


async def test_failed_migration_leaves_nothing_and_can_be_run_again(empty_dsn: str) -> None:
    with pytest.raises(MigrationRefused, match=r"0002_broken\.sql: division by zero"):
        await run(empty_dsn, FIRST, BROKEN)
    assert await tables(empty_dsn) == {"first", "schema_migrations"}
    assert await run(empty_dsn, FIRST, SECOND) == 1


async def test_waiting_for_another_servers_migration_has_an_end(
    empty_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "_LOCK_SECONDS", 0.05)
    holder = await asyncpg.connect(empty_dsn)
    await holder.execute("select pg_advisory_lock($1)", migrations._LOCK)
    with pytest.raises(MigrationRefused, match="another server has been migrating"):
        await run(empty_dsn, FIRST)
    await holder.close()
