"""Transactions end as they should, and a lost server is told from a mistake of ours."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

import asyncpg
import pytest

from casecore.db.access import Access, prepare
from casecore.db.database import Database, enter_tenant
from casecore.db.embedded import EmbeddedOptions, EmbeddedPostgres
from casecore.db.errors import DatabaseError, DatabaseUnavailable, DatabaseUnfit
from casecore.paging import Page
from casecore.store.flows import insert_flow, list_flows
from casecore.store.tenants import insert_tenant, list_tenants
from config.tenancy import TenantId
from tests.support.database import FreshDatabase, PostgresServer

NOWHERE = "postgresql://somebody:secret-word@/nothing?host=/nonexistent"


async def flow_names(database: Database, tenant: TenantId) -> list[str]:
    async with database.tenant_tx(tenant) as db:
        return [f.name for f in (await list_flows(db, tenant, Page(order="asc"))).items]


async def test_transaction_is_kept_or_undone_as_a_whole(
    database: Database, tenant: TenantId
) -> None:
    async with database.tenant_tx(tenant) as db:
        await insert_flow(db, tenant, "kept")
    with pytest.raises(ZeroDivisionError):
        await fail_after_insert(database, tenant)
    assert await flow_names(database, tenant) == ["kept"]


async def fail_after_insert(database: Database, tenant: TenantId) -> None:
    async with database.tenant_tx(tenant) as db:
        await insert_flow(db, tenant, "undone")
        raise ZeroDivisionError


async def test_cancelled_transaction_is_undone_and_frees_its_connection(
    database: Database, tenant: TenantId
) -> None:
    for _ in range(6):  # more often than the pool is large
        with pytest.raises(TimeoutError):
            await sleep_in_transaction(database, tenant)
    assert await flow_names(database, tenant) == []


async def sleep_in_transaction(database: Database, tenant: TenantId) -> None:
    async with asyncio.timeout(0.02), database.tenant_tx(tenant) as db:
        await insert_flow(db, tenant, "undone")
        await db.execute("select pg_sleep(30)")


async def test_error_that_was_swallowed_does_not_pass_for_a_commit(
    database: Database, tenant: TenantId
) -> None:
    with pytest.raises(DatabaseError, match="failed before the commit"):
        await swallow_an_error(database, tenant)
    assert await flow_names(database, tenant) == []


async def swallow_an_error(database: Database, tenant: TenantId) -> None:
    async with database.tenant_tx(tenant) as db:
        await insert_flow(db, tenant, "lost")
        with suppress(asyncpg.DivisionByZeroError):
            await db.execute("select 1 / 0")


async def test_journal_may_go_from_tenant_to_tenant_in_one_transaction(
    database: Database, tenant: TenantId, other_tenant: TenantId
) -> None:
    async with database.system_tx() as db:
        for each in (tenant, other_tenant):
            await enter_tenant(db, each)
            await insert_flow(db, each, "both")
    assert await flow_names(database, tenant) == ["both"]
    assert await flow_names(database, other_tenant) == ["both"]


async def test_mistake_of_ours_is_not_called_an_outage(database: Database) -> None:
    with pytest.raises(asyncpg.PostgresSyntaxError):
        async with database.system_tx() as db:
            await db.execute("selekt")


@pytest.mark.parametrize(
    "state", ["08006", "40001", "40P01", "53100", "53300", "57014", "57P01", "58030", "25006"]
)
async def test_state_that_passes_is_called_an_outage(database: Database, state: str) -> None:
    with pytest.raises(DatabaseUnavailable):
        async with database.system_tx() as db:
            await db.execute(f"do $$ begin raise exception using errcode = '{state}'; end $$")


async def test_cut_connection_is_an_outage_and_the_next_transaction_works(
    database: Database, fresh_database: FreshDatabase
) -> None:
    with pytest.raises(DatabaseUnavailable):
        await cut_and_go_on(database, fresh_database)
    await database.ping()


async def cut_and_go_on(database: Database, fresh_database: FreshDatabase) -> None:
    async with database.system_tx() as db:
        await cut_all_connections(fresh_database)
        await db.fetchval("select 1")


async def test_connection_cut_while_idle_in_a_transaction_is_an_outage(
    database: Database, fresh_database: FreshDatabase
) -> None:
    with pytest.raises(DatabaseUnavailable):
        async with database.system_tx():
            await cut_all_connections(fresh_database)
    await database.ping()


async def cut_all_connections(fresh_database: FreshDatabase) -> None:
    admin = await asyncpg.connect(fresh_database.admin_dsn)
    await admin.execute(
        "select pg_terminate_backend(pid, 2000) from pg_stat_activity"
        " where datname = current_database() and pid <> pg_backend_pid()"
    )
    await admin.close()


async def test_closed_database_is_an_outage(fresh_database: FreshDatabase) -> None:
    opened = await Database.connect(fresh_database.access)
    await opened.close()
    with pytest.raises(DatabaseUnavailable):
        await opened.ping()


async def test_superuser_is_refused(fresh_database: FreshDatabase) -> None:
    with pytest.raises(DatabaseUnfit, match="superuser"):
        await Database.connect(Access(fresh_database.admin_dsn, None))


async def test_owner_of_the_tables_is_refused(fresh_database: FreshDatabase) -> None:
    with pytest.raises(DatabaseUnfit, match="owner"):
        await Database.connect(Access(fresh_database.owner_dsn, None))


async def test_role_that_bypasses_the_wall_is_refused(
    fresh_database: FreshDatabase, postgres_server: PostgresServer
) -> None:
    role = f"{fresh_database.name}_bypass"
    await postgres_server.execute(f"create role {role} nologin bypassrls")
    try:
        with pytest.raises(DatabaseUnfit, match="bypassrls"):
            await Database.connect(Access(fresh_database.admin_dsn, role))
    finally:
        await postgres_server.execute(f"drop role {role}")


async def test_database_that_is_not_there_is_an_outage() -> None:
    with pytest.raises(DatabaseUnavailable) as caught:
        await Database.open(NOWHERE)
    assert "secret-word" not in str(caught.value)


async def test_nonsense_for_a_url_is_said_without_repeating_it() -> None:
    with pytest.raises(DatabaseUnfit) as caught:
        await Database.open("mysql://root:secret-word@localhost/db")
    assert str(caught.value) == "database.url: is not a PostgreSQL URL"


async def test_url_of_an_owner_is_enough_and_the_server_runs_as_the_application_role(
    postgres_server: PostgresServer,
) -> None:
    made = await postgres_server.make(empty=True)
    try:
        opened = await Database.open(made.admin_dsn)
        async with opened.system_tx() as db:
            assert await db.fetchval("select current_user") == "cc_app"
            await insert_tenant(db, "Here", "here")
        await opened.close()
        opened = await Database.open(made.admin_dsn)
        async with opened.system_tx() as db:
            assert [t.slug for t in await list_tenants(db)] == ["here"]
        await opened.close()
    finally:
        await postgres_server.drop(made.name)


async def test_owner_who_may_not_make_roles_is_told_what_to_run(
    postgres_server: PostgresServer,
) -> None:
    made = await postgres_server.make(empty=True)
    role = f"{made.name}_poor"
    await postgres_server.execute(f"create role {role} login password 'poor'")
    await postgres_server.execute(f"alter database {made.name} owner to {role}")
    try:
        with pytest.raises(DatabaseUnfit, match=f"grant cc_app to {role};"):
            await prepare(signed_in_as(made.admin_dsn, role))
        await postgres_server.execute(f"grant cc_app to {role}")
        opened = await Database.open(signed_in_as(made.admin_dsn, role))
        await opened.ping()
        await opened.close()
    finally:
        await postgres_server.drop(made.name)
        await postgres_server.execute(f"drop role {role}")


def signed_in_as(dsn: str, role: str) -> str:
    """`dsn` with another user, whose password is `poor`."""
    parts = urlsplit(dsn)
    return parts._replace(netloc=f"{role}:poor@{parts.netloc.rpartition('@')[2]}").geturl()


@pytest.fixture
def folder() -> Iterator[Path]:
    with TemporaryDirectory(prefix="murima-test-", dir="/tmp") as name:
        Path(name).chmod(0o711)
        yield Path(name)


async def test_pool_recovers_when_the_server_comes_back(folder: Path) -> None:
    options = EmbeddedOptions(system_dir=folder / "system", durable=False)
    postgres = EmbeddedPostgres(folder / "postgres", options)
    await postgres.start()
    try:
        opened = await Database.open(postgres)
        await asyncio.gather(*(opened.ping() for _ in range(4)))
        for _ in range(2):
            await postgres.stop()
            for _ in range(5):
                with pytest.raises(DatabaseUnavailable):
                    await opened.ping()
            await postgres.start()
            await asyncio.gather(*(opened.ping() for _ in range(4)))
        await opened.close()
    finally:
        await postgres.stop()


async def test_too_old_a_server_is_refused(
    postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("casecore.db.access._OLDEST", 990_000)
    with pytest.raises(DatabaseUnfit, match="is too old; 15 is the oldest"):
        await Database.open(postgres_server.admin_dsn)


async def test_wrong_password_and_unknown_database_are_said_plainly(
    postgres_server: PostgresServer, fresh_database: FreshDatabase
) -> None:
    with pytest.raises(DatabaseUnfit, match="nowhere"):
        await Database.open(postgres_server.dsn("nowhere"))
    with pytest.raises(DatabaseUnfit, match="nobody_at_all"):
        await Database.open(signed_in_as(fresh_database.admin_dsn, "nobody_at_all"))
