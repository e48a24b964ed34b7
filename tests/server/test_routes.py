"""Operations behave as they are declared, whatever they do."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from pydantic import Field

from casecore.permissions import Permission, Role
from config.tenancy import TenantId
from server.api.errors import Conflict, TooManyRequests
from server.api.models import ApiModel, Name, OutModel, Paged, PageQuery
from server.api.openapi import document
from server.api.operation import Operation
from server.api.routes import add_operations, errors_as_json
from server.auth.principal import Principal
from server.auth.tokens import AccessTokens

Client = TestClient[web.Request, web.Application]


class ThingIn(ApiModel):
    name: Name
    level: int = Field(ge=1, le=5)


class ThingOut(OutModel):
    id: int
    name: str


class ThingQuery(PageQuery):
    starts: str = ""


class Things:
    def __init__(self) -> None:
        self.things = [ThingOut(id=n, name=f"thing {n}") for n in range(45)]

    async def list(self, who: Principal, query: ThingQuery) -> Paged[ThingOut]:
        return Paged(self.things[query.offset : query.offset + query.limit], len(self.things))

    async def fetch(self, who: Principal, id: int) -> ThingOut:
        return self.things[id]

    async def make(self, who: Principal, body: ThingIn) -> ThingOut:
        if body.name == "twice":
            raise Conflict("There is one already.")
        return ThingOut(id=99, name=body.name)

    async def greet(self, source: str) -> ThingOut:
        return ThingOut(id=0, name=source)

    async def remove(self, who: Principal, id: int) -> None:
        return None

    async def wait(self) -> None:
        raise TooManyRequests("Slower, please.", retry_after=3)

    async def crash(self) -> None:
        raise ZeroDivisionError("with a secret")


def operations() -> list[Operation]:
    things = Things()
    common: dict[str, Any] = {"summary": "A thing.", "tag": "things"}
    public: dict[str, Any] = {**common, "public": True}
    by_id: dict[str, Any] = {"parameters": {"id": int}}
    return [
        Operation(
            method="GET", path="/things", handler=things.list, query=ThingQuery,
            returns=ThingOut, many=True, **common,
        ),
        Operation(
            method="GET", path="/things/{id}", handler=things.fetch, returns=ThingOut,
            **by_id, **common,
        ),
        Operation(
            method="POST", path="/things", handler=things.make, body=ThingIn, returns=ThingOut,
            status=201, may=Permission.CHANGE_CONFIGURATION, errors=(Conflict,), **common,
        ),
        Operation(
            method="DELETE", path="/things/{id}", handler=things.remove, **by_id, **common,
        ),
        Operation(
            method="GET", path="/greeting", handler=things.greet, returns=ThingOut,
            wants_source=True, **public,
        ),
        Operation(method="GET", path="/wait", handler=things.wait, **public),
        Operation(method="GET", path="/crash", handler=things.crash, **public),
    ]  # fmt: skip


TOKENS = AccessTokens(b"k" * 32, lifetime=timedelta(minutes=5), admits=lambda _: True)


def signed_in(role: Role) -> dict[str, str]:
    who = Principal(UUID(int=1), TenantId(UUID(int=2)), "x", role, None)
    return {"Authorization": f"Bearer {TOKENS.issue(who, now=datetime.now(UTC))}"}


@pytest_asyncio.fixture
async def client() -> AsyncIterator[Client]:
    app = web.Application(middlewares=[errors_as_json], client_max_size=4_096)
    add_operations(app, operations(), TOKENS)
    async with TestClient(TestServer(app)) as testing:
        yield testing


async def ask(
    client: Client, method: str, path: str, *, role: Role | None = Role.ADMINISTRATOR, **how: Any
) -> tuple[int, Any]:
    headers = {**(signed_in(role) if role else {}), **how.pop("headers", {})}
    response = await client.request(method, "/api/v1" + path, headers=headers, **how)
    return response.status, await response.json()


async def test_page_says_where_it_stands(client: Client) -> None:
    status, body = await ask(client, "GET", "/things?page=3&limit=20")
    assert status == 200
    assert [thing["id"] for thing in body["data"]] == [40, 41, 42, 43, 44]
    assert body["pagination"] == {"total": 45, "page": 3, "limit": 20, "pages": 3}


async def test_data_and_success_have_their_envelopes(client: Client) -> None:
    assert await ask(client, "GET", "/things/3") == (200, {"data": {"id": 3, "name": "thing 3"}})
    assert await ask(client, "DELETE", "/things/3") == (200, {"success": True})
    status, body = await ask(client, "POST", "/things", json={"name": "new", "level": 1})
    assert (status, body) == (201, {"data": {"id": 99, "name": "new"}})


async def test_nobody_comes_in_without_a_token_or_beyond_his_role(client: Client) -> None:
    for headers in ({}, {"Authorization": "Bearer x"}, {"Authorization": "Basic eDp4"}):
        status, body = await ask(client, "GET", "/things", role=None, headers=headers)
        assert (status, body["error"]["code"]) == (401, "UNAUTHENTICATED")
    thing = {"name": "new", "level": 1}
    status, body = await ask(client, "POST", "/things", role=Role.AGENT, json=thing)
    assert (status, body["error"]["code"]) == (403, "FORBIDDEN")


@pytest.mark.parametrize(
    ("thing", "field"),
    [
        ({"name": "x", "level": 6}, "body.level"),
        ({"name": "x", "level": "1"}, "body.level"),
        ({"name": "x", "level": 1, "more": 1}, "body.more"),
        ({"name": "a\x00b", "level": 1}, "body.name"),
        ({"level": 1}, "body.name"),
    ],
)
async def test_bad_body_is_refused_naming_the_field(
    client: Client, thing: object, field: str
) -> None:
    status, body = await ask(client, "POST", "/things", json=thing)
    assert (status, body["error"]["code"]) == (400, "VALIDATION_FAILED")
    assert field in [detail["field"] for detail in body["error"]["details"]]


async def test_bodies_that_are_no_json_are_refused(client: Client) -> None:
    as_json = {"Content-Type": "application/json"}
    for data in (b"", b"{", b"\xff\xfe", b"[" * 3_000):
        status, _ = await ask(client, "POST", "/things", data=data, headers=as_json)
        assert status == 400
    status, _ = await ask(client, "POST", "/things", data=b"name=x")
    assert status == 415
    status, _ = await ask(client, "POST", "/things", data=b" " * 5_000, headers=as_json)
    assert status == 413


async def test_bad_query_and_bad_path_are_told_apart(client: Client) -> None:
    for query in ("limit=101", "page=0", "page=x", "unknown=1", "page=1&page=2"):
        assert (await ask(client, "GET", f"/things?{query}"))[0] == 400
    assert (await ask(client, "GET", "/things/x"))[0] == 404
    assert (await ask(client, "GET", "/nothing"))[0] == 404


async def test_wrong_method_says_which_are_right(client: Client) -> None:
    response = await client.put("/api/v1/things", headers=signed_in(Role.ADMINISTRATOR))
    assert response.status == 405
    assert response.headers["Allow"] == "GET,POST"
    assert (await response.json())["error"]["code"] == "METHOD_NOT_ALLOWED"


async def test_handler_may_ask_for_the_source(client: Client) -> None:
    status, body = await ask(client, "GET", "/greeting", role=None)
    assert (status, body["data"]["name"]) == (200, "127.0.0.1")


async def test_error_of_a_handler_keeps_its_code(client: Client) -> None:
    twice = {"name": "twice", "level": 1}
    status, body = await ask(client, "POST", "/things", json=twice)
    assert (status, body["error"]["message"]) == (409, "There is one already.")
    response = await client.get("/api/v1/wait")
    assert (response.status, response.headers["Retry-After"]) == (429, "3")


async def test_our_own_fault_leaves_no_trace_outside(client: Client) -> None:
    status, body = await ask(client, "GET", "/crash", role=None)
    assert status == 500
    assert "secret" not in str(body)
    assert "Zero" not in str(body)


def test_document_describes_what_is_served() -> None:
    described = document(operations(), version="1")
    assert described["openapi"] == "3.1.0"
    listing = described["paths"]["/api/v1/things"]["get"]
    assert [p["name"] for p in listing["parameters"]] == ["page", "limit", "order", "starts"]
    making = described["paths"]["/api/v1/things"]["post"]
    assert set(making["responses"]) == {
        *("201", "400", "401", "403", "409", "413", "415", "422", "503")
    }
    assert making["requestBody"]["content"]["application/json"]["schema"] == {
        "$ref": "#/components/schemas/ThingIn"
    }
    assert "CallEnded" in described["x-events"]
