"""The audit log can be added to and read, and tampering shows."""

import asyncio
from contextlib import suppress

import asyncpg
import pytest

from casecore.db.database import Database
from casecore.paging import Page
from casecore.store.audit import Actor, find_first_broken, insert_audit, list_audit
from config.tenancy import TenantId
from tests.support.database import FreshDatabase

ADMIN = Actor(None, "admin")


async def write(database: Database, tenant: TenantId, *subjects: str) -> None:
    for subject in subjects:
        async with database.tenant_tx(tenant) as db:
            await insert_audit(
                db, tenant, ADMIN, action="changed", subject=subject, data={"b": 1, "a": [None]}
            )


async def first_broken(database: Database, tenant: TenantId) -> int | None:
    async with database.tenant_tx(tenant) as db:
        return await find_first_broken(db, tenant)


async def test_chain_of_a_tenant_is_whole_and_its_own(
    database: Database, tenant: TenantId, other_tenant: TenantId
) -> None:
    assert await first_broken(database, tenant) is None
    await write(database, tenant, "one", "two", "three")
    await write(database, other_tenant, "elsewhere")
    assert await first_broken(database, tenant) is None
    assert await first_broken(database, other_tenant) is None
    async with database.tenant_tx(tenant) as db:
        page = await list_audit(db, tenant, Page(limit=2))
    assert [(e.seq, e.subject, e.data) for e in page.items] == [
        (3, "three", {"b": 1, "a": [None]}),
        (2, "two", {"b": 1, "a": [None]}),
    ]
    assert page.total == 3


async def test_entries_written_at_the_same_time_form_one_chain(
    database: Database, tenant: TenantId
) -> None:
    await asyncio.gather(*(write(database, tenant, f"{n} a", f"{n} b") for n in range(6)))
    async with database.tenant_tx(tenant) as db:
        page = await list_audit(db, tenant, Page(limit=100, order="asc"))
    assert [e.seq for e in page.items] == list(range(1, 13))
    assert await first_broken(database, tenant) is None


async def test_entry_goes_with_the_transaction_it_is_about(
    database: Database, tenant: TenantId
) -> None:
    await write(database, tenant, "one")
    with suppress(ZeroDivisionError):
        async with database.tenant_tx(tenant) as db:
            await insert_audit(db, tenant, ADMIN, action="x", subject="undone", data={})
            raise ZeroDivisionError
    await write(database, tenant, "two")
    assert await first_broken(database, tenant) is None


@pytest.mark.parametrize(
    ("harm", "at"),
    [
        ("update audit_log set actor = 'nobody' where seq = 2", 2),
        ("""update audit_log set data = '{"a": [], "b": 1}' where seq = 2""", 2),
        ("update audit_log set at = at + interval '1 second' where seq = 1", 1),
        ("delete from audit_log where seq = 2", 3),
        ("delete from audit_log where seq = 3", 3),
        ("delete from audit_log", 3),
        ("delete from audit_heads", 1),
    ],
)
async def test_tampering_is_found(
    database: Database, tenant: TenantId, fresh_database: FreshDatabase, harm: str, at: int
) -> None:
    await write(database, tenant, "one", "two", "three")
    admin = await asyncpg.connect(fresh_database.admin_dsn)
    await admin.execute(harm)
    await admin.close()
    assert await first_broken(database, tenant) == at


@pytest.mark.parametrize(
    "statement",
    [
        "update audit_log set actor = 'nobody'",
        "delete from audit_log",
        "insert into audit_log select * from audit_log",
        "update audit_heads set seq = 0",
        "delete from audit_heads",
        "truncate audit_log",
    ],
)
async def test_application_can_only_add(
    database: Database, tenant: TenantId, statement: str
) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with database.tenant_tx(tenant) as db:
            await db.execute(statement)
