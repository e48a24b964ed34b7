"""Nobody sees, changes or refers to a row of another tenant, whatever a statement says."""

import asyncpg
import pytest

from casecore.db.database import Database
from config.tenancy import TenantId

NOT_OF_ONE_TENANT = {"tenants", "journal_position", "schema_migrations"}

_TABLES = """
    select c.relname as name, c.relrowsecurity as enabled, c.relforcerowsecurity as forced,
           exists (select from pg_attribute a
                    where a.attrelid = c.oid and a.attname = 'tenant_id' and a.attnotnull
                   ) as has_tenant,
           array(select p.polcmd::text || coalesce(pg_get_expr(p.polqual, c.oid), '-')
                        || coalesce(pg_get_expr(p.polwithcheck, c.oid), '-')
                   from pg_policy p where p.polrelid = c.oid) as policies,
           array(select i.indkey[0] = (select a.attnum from pg_attribute a
                                        where a.attrelid = c.oid and a.attname = 'tenant_id')
                   from pg_index i where i.indrelid = c.oid and i.indisunique) as unique_by_tenant,
           (select r.rolname from pg_roles r where r.oid = c.relowner) as owner
      from pg_class c
     where c.relnamespace = 'public'::regnamespace
       and c.relkind in ('r', 'p')
"""
_RULE = "(tenant_id = app_tenant())"


async def test_every_table_of_tenants_is_behind_the_wall(owner: asyncpg.Connection) -> None:
    tables = {row["name"]: row for row in await owner.fetch(_TABLES)}
    assert tables.keys() >= NOT_OF_ONE_TENANT
    assert len(tables) >= 19
    for name in tables.keys() - NOT_OF_ONE_TENANT:
        table = tables[name]
        assert table["has_tenant"], name
        assert table["enabled"], name
        assert table["forced"], name
        assert table["policies"] == [f"*{_RULE}{_RULE}"], name
        assert all(table["unique_by_tenant"]), f"{name}: a unique index tells of other tenants"
        assert table["owner"] != "cc_app"


async def test_every_reference_between_tables_of_tenants_includes_the_tenant(
    owner: asyncpg.Connection,
) -> None:
    rows = await owner.fetch("""
        select k.conrelid::regclass::text as place,
               array(select a.attname::text from unnest(k.conkey) with ordinality as n (num, pos)
                       join pg_attribute a on a.attrelid = k.conrelid and a.attnum = n.num
                      order by n.pos) as columns
          from pg_constraint k
         where k.contype = 'f'
           and k.confrelid <> 'tenants'::regclass
    """)
    assert rows
    assert {r["place"] for r in rows if r["columns"][0] != "tenant_id"} == set()


async def test_application_may_not_empty_or_reshape_tables(database: Database) -> None:
    for statement in (
        "truncate calls",
        "alter table calls no force row level security",
        "drop policy tenant on calls",
        "create table public.own (id int)",
        "delete from tenants",
        "delete from journal_position",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with database.system_tx() as db:
                await db.execute(statement)


async def test_without_a_tenant_nothing_is_seen_and_nothing_can_be_written(
    database: Database, tenant: TenantId
) -> None:
    async with database.tenant_tx(tenant) as db:
        await db.execute("insert into flows (tenant_id, name) values ($1, 'main')", tenant)
    async with database.system_tx() as db:
        assert await db.fetchval("select count(*) from flows") == 0
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with database.system_tx() as db:
            await db.execute("insert into flows (tenant_id, name) values ($1, 'other')", tenant)


async def test_no_tenant_is_left_behind_on_a_pooled_connection(
    database: Database, tenant: TenantId
) -> None:
    for _ in range(5):
        async with database.tenant_tx(tenant) as db:
            assert await db.fetchval("select app_tenant()") == tenant
        async with database.system_tx() as db:
            assert await db.fetchval("select app_tenant()") is None


async def test_row_cannot_be_written_into_another_tenant(
    database: Database, tenant: TenantId, other_tenant: TenantId
) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with database.tenant_tx(tenant) as db:
            await db.execute("insert into flows (tenant_id, name) values ($1, 'x')", other_tenant)
    async with database.tenant_tx(tenant) as db:
        await db.execute("insert into flows (tenant_id, name) values ($1, 'main')", tenant)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with database.tenant_tx(tenant) as db:
            await db.execute("update flows set tenant_id = $1", other_tenant)
