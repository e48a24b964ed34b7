"""What is changed in the database, by whomever, is in force in the running server."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import WSMsgType

from casecore.db.database import Database
from casecore.db.errors import DatabaseUnavailable
from casecore.permissions import Role
from casecore.store import agents, tenants, users
from config.tenancy import TenantId
from server.auth.passwords import Passwords
from tests.support.database import FreshDatabase, PostgresServer
from tests.support.in_process import PASSWORD, InProcess, in_process, settings_for

CUT = "select pg_terminate_backend(pid) from pg_stat_activity where datname = '{}'"


@pytest_asyncio.fixture
async def server(
    database: Database, fresh_database: FreshDatabase, tmp_path: Path
) -> AsyncIterator[InProcess]:
    del database
    async with in_process(settings_for(tmp_path, fresh_database.admin_dsn)) as running:
        yield running


async def becomes(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(10):
        while not await condition():
            await asyncio.sleep(0.01)


async def demo_user(database: Database, login: str) -> tuple[TenantId, users.User]:
    async with database.system_tx() as db:
        tenant_id = (await tenants.fetch_default_tenant(db)).id
    async with database.tenant_tx(tenant_id) as db:
        user = await users.find_user_by_login(db, tenant_id, login)
    assert user is not None
    return tenant_id, user


async def change(database: Database, login: str, **what: object) -> None:
    tenant_id, user = await demo_user(database, login)
    kept = {"display": user.display, "role": user.role, "agent_id": user.agent_id}
    values = users.UserValues(**{"login": login, **kept, **what})  # type: ignore[arg-type]
    async with database.tenant_tx(tenant_id) as db:
        await users.update_user(db, tenant_id, user.id, values)


async def remove(database: Database, login: str) -> None:
    tenant_id, user = await demo_user(database, login)
    async with database.tenant_tx(tenant_id) as db:
        await users.delete_user(db, tenant_id, user.id)


@pytest.mark.parametrize(
    "shut_out",
    [
        lambda database: change(database, "supervisor", disabled=True),
        lambda database: change(database, "supervisor", role=Role.VIEWER),
        lambda database: remove(database, "supervisor"),
    ],
    ids=["disabled", "other role", "deleted"],
)
async def test_token_and_feed_of_a_person_end_with_what_they_stand_for(
    server: InProcess, database: Database, shut_out: Callable[[Database], Awaitable[None]]
) -> None:
    theirs, others = await server.sign_in("supervisor"), await server.sign_in("admin")
    assert (await server.get("/agents", theirs))[0] == 200
    async with (
        server.http.ws_connect("/ws/v1/events", headers=theirs) as feed,
        server.http.ws_connect("/ws/v1/events", headers=others) as other_feed,
    ):
        for socket in (feed, other_feed):
            assert (await socket.receive_json(timeout=5))["type"] == "Snapshot"
        await shut_out(database)
        closed = await feed.receive(timeout=10)
        assert (closed.type, feed.close_code) == (WSMsgType.CLOSE, 4401)
        assert (await server.get("/agents", theirs))[0] == 401
        async with server.http.ws_connect("/ws/v1/events", headers=theirs) as again:
            assert (await again.receive(timeout=5)).type is WSMsgType.CLOSE
        assert (await server.get("/agents", others))[0] == 200
        assert not other_feed.closed


async def test_users_phone_follows_the_extension_of_the_agent(
    server: InProcess, database: Database
) -> None:
    headers = await server.sign_in("agent1")
    tenant_id, user = await demo_user(database, "agent1")
    assert user.agent_id is not None
    async with database.tenant_tx(tenant_id) as db:
        values = agents.AgentValues(name="Anna Agent", extension="1077", skills={"sales": 5})
        await agents.update_agent(db, tenant_id, user.agent_id, values)

    async def is_rung_there() -> bool:
        path = "/api/v1/softphone/tickets"
        async with server.http.post(path, headers=headers) as response:
            return bool((await response.json())["data"]["user"] == "1077")

    await becomes(is_rung_there)


async def test_new_tenant_works_without_a_restart(server: InProcess, database: Database) -> None:
    hashed = await Passwords().hash(PASSWORD)
    async with database.system_tx() as db:
        tenant_id = (await tenants.insert_tenant(db, "New", "new")).id
    async with database.tenant_tx(tenant_id) as db:
        chief = users.UserValues(login="eve", display="Eve", role=Role.ADMINISTRATOR)
        await users.insert_user(db, tenant_id, chief, hashed)
    # At once, whether the server has heard of the tenant yet or not.
    headers = await server.sign_in("eve", tenant="new")
    for path in ("/agents", "/queues", "/calls/live", "/phones"):
        status, answer = await server.get(path, headers)
        assert (status, answer["data"]) == (200, []), path
    async with database.tenant_tx(tenant_id) as db:
        values = agents.AgentValues(name="Fay", extension="2001")
        agent_id = (await agents.insert_agent(db, tenant_id, values)).id

    async def is_there() -> bool:
        return (await server.get(f"/agents/{agent_id}", headers))[0] == 200

    await becomes(is_there)
    path = f"/api/v1/agents/{agent_id}/state"
    async with server.http.put(path, headers=headers, json={"state": "away"}) as response:
        assert (await response.json())["data"]["state"] == "away"


async def test_what_was_changed_while_nobody_could_listen_is_found_afterwards(
    server: InProcess,
    database: Database,
    fresh_database: FreshDatabase,
    postgres_server: PostgresServer,
) -> None:
    headers = await server.sign_in("supervisor")
    assert (await server.get("/agents", headers))[0] == 200
    await postgres_server.execute(CUT.format(fresh_database.name))

    async def is_disabled() -> bool:
        with suppress(DatabaseUnavailable):  # our own connections were cut too
            await change(database, "supervisor", disabled=True)
            return True
        return False

    await becomes(is_disabled)

    async def is_refused() -> bool:
        return (await server.get("/agents", headers))[0] == 401

    await becomes(is_refused)
