"""What stands around the operations: health, metrics, the document, and a database that is away."""

import asyncio
from contextlib import suppress
from io import BytesIO
from pathlib import Path

import pytest
from aiohttp import ClientResponse, WSMsgType

from casecore.db.database import Database
from casecore.db.errors import DatabaseUnavailable, DatabaseUnfit
from casecore.permissions import Role
from config.tenancy import TenantId
from server.api.routes import PREFIX
from tests.support.api import Api, api_over
from tests.support.database import FreshDatabase, PostgresServer


async def plain(api: Api, path: str) -> ClientResponse:
    return await api.client.get(path)


async def test_server_is_alive_before_it_is_ready(
    database: Database, tenant: TenantId, other_tenant: TenantId, tmp_path: Path
) -> None:
    absent = ["media engine", "SIP"]

    async def missing() -> list[str]:
        return absent

    async with api_over(database, tenant, other_tenant, tmp_path, missing=missing) as served:
        assert (await plain(served, "/healthz")).status == 200
        refused = await plain(served, "/readyz")
        assert refused.status == 503
        assert await refused.text() == (
            '{"status": "not ready", "missing": ["media engine", "SIP"]}'
        )
        absent.clear()
        ready = await plain(served, "/readyz")
        assert (ready.status, await ready.json()) == (200, {"status": "ready", "missing": []})


async def test_metrics_are_in_the_text_format(api: Api) -> None:
    response = await plain(api, "/metrics")
    assert response.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert "# TYPE murima_calls_started_total counter" in await response.text()


async def test_document_lists_every_operation_that_is_served(api: Api) -> None:
    response = await plain(api, f"{PREFIX}/openapi.json")
    described = {
        (method.upper(), path)
        for path, item in (await response.json())["paths"].items()
        for method in item
    }
    assert described == {(o.method, PREFIX + o.path) for o in api.http.operations}
    assert len({o.name for o in api.http.operations}) == len(api.http.operations)


@pytest.mark.parametrize("path", ["/healthz", f"{PREFIX}/openapi.json", f"{PREFIX}/nothing", "/"])
async def test_every_answer_is_neither_guessed_nor_framed_nor_kept(api: Api, path: str) -> None:
    response = await plain(api, path)
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["X-Frame-Options"] == "DENY"
    assert response.headers["Cache-Control"] == "no-store"


async def test_huge_body_is_refused(api: Api) -> None:
    response = await api.send(
        "POST",
        "/flows",
        data=BytesIO(b" " * (1024 * 1024 + 1)),
        headers={**api.headers(Role.ADMINISTRATOR), "Content-Type": "application/json"},
    )
    assert response.status == 413
    assert (await response.json())["error"]["code"] == "TOO_LARGE"


@pytest.mark.parametrize("role", [Role.ADMINISTRATOR, Role.AGENT])
async def test_listener_of_the_feed_sees_the_present_state_of_its_own_tenant(
    api: Api, role: Role
) -> None:
    async with api.client.ws_connect("/ws/v1/events", headers=api.headers(role)) as socket:
        first = await socket.receive_json(timeout=5)
    assert first["type"] == "Snapshot"
    for kind, known in (
        ("agents", api.live.agents(api.here.tenant_id)),
        ("queues", api.live.queues(api.here.tenant_id)),
        ("calls", api.live.calls(api.here.tenant_id)),
    ):
        assert [each["id"] for each in first["data"][kind]] == [str(known[0].id)]


async def test_listener_without_a_token_is_sent_away(api: Api) -> None:
    async with api.client.ws_connect("/ws/v1/events") as socket:
        await socket.send_json({"token": "none"})
        message = await socket.receive(timeout=5)
    assert (message.type, message.data) == (WSMsgType.CLOSE, 4401)


DENIED = "alter database {} with connection limit {}"
CUT = "select pg_terminate_backend(pid) from pg_stat_activity where datname = '{}'"


async def refused_by_the_database(api: Api) -> None:
    for method, path, body in (
        ("GET", "/calls", None),
        ("POST", "/auth/login", {"login": "anna", "password": "x"}),
    ):
        headers = api.headers(Role.ADMINISTRATOR)
        response = await api.send(method, path, json=body, headers=headers)
        assert response.status == 503, path
        assert (await response.json())["error"]["code"] == "UNAVAILABLE"
        assert int(response.headers["Retry-After"]) >= 1


async def test_database_that_is_away_is_told_and_the_rest_goes_on(
    api: Api, postgres_server: PostgresServer, fresh_database: FreshDatabase
) -> None:
    name = fresh_database.name
    try:
        await postgres_server.execute(DENIED.format(name, 0))
        await postgres_server.execute(CUT.format(name))
        await refused_by_the_database(api)
        assert [agent["name"] for agent in await api.get("/agents")] == ["Anna"]
        assert (await plain(api, "/healthz")).status == 200
        ready = await plain(api, "/readyz")
        assert (ready.status, (await ready.json())["missing"]) == (503, ["database"])
    finally:
        await postgres_server.execute(DENIED.format(name, -1))
    assert len(await api.get("/calls")) == 1


async def until_refused(database: Database) -> None:
    """A connection that was just cut is unavailable, and may be tried again."""
    async with asyncio.timeout(10):
        while True:
            with suppress(DatabaseUnavailable):
                await database.ping()


async def test_database_that_lets_the_server_in_no_more_is_told_like_one_that_is_away(
    api: Api, postgres_server: PostgresServer, fresh_database: FreshDatabase
) -> None:
    name = fresh_database.name
    closed = "alter database {} with allow_connections {}"
    try:
        await postgres_server.execute(closed.format(name, "false"))
        await postgres_server.execute(CUT.format(name))
        with pytest.raises(DatabaseUnfit):
            await until_refused(api.database)
        await refused_by_the_database(api)
    finally:
        await postgres_server.execute(closed.format(name, "true"))
    assert len(await api.get("/calls")) == 1
