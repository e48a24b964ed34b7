"""Users: administrators make them, and nobody is left without an administrator."""

import asyncio
import logging
from typing import Any
from uuid import uuid4

import pytest

from casecore.paging import Page
from casecore.permissions import Role
from casecore.store import audit, phones
from tests.support.api import Api
from tests.support.records import SECRETS

BEN = {"login": "ben", "display": "Ben", "role": "agent"}
PASSWORD = "correct-horse-battery"


async def add(api: Api, **values: Any) -> dict[str, Any]:
    status, body = await api.ask("POST", "/users", json={**BEN, "password": PASSWORD, **values})
    assert status == 201, body
    return dict(body["data"])


async def sign_in(api: Api, password: str = PASSWORD, login: str = "ben") -> tuple[int, Any]:
    body = {"login": login, "password": password}
    return await api.ask("POST", "/auth/login", role=None, json=body)


def only_administrator(api: Api) -> str:
    return f"/users/{api.users[api.here.tenant_id, Role.ADMINISTRATOR]}"


async def trail(api: Api) -> list[tuple[str, str]]:
    async with api.database.tenant_tx(api.here.tenant_id) as db:
        rows = await audit.list_audit(db, api.here.tenant_id, Page(100, order="asc"))
        assert PASSWORD not in str(rows)
    return [(row.action, row.subject) for row in rows.items[1:]]


async def test_new_user_signs_in(api: Api) -> None:
    made = await add(api, agent_id=str(api.here.agent.id))
    status, body = await sign_in(api)
    assert status == 200
    assert body["data"]["user"]["id"] == made["id"]
    shown = await api.get(f"/users/{made['id']}")
    assert shown == made
    assert made["agent_id"] == str(api.here.agent.id)
    assert [user["login"] for user in await api.get("/users?limit=2")] == ["administrator", "anna"]


async def test_supervisor_can_have_a_phone(api: Api) -> None:
    async with api.database.tenant_tx(api.here.tenant_id) as db:
        await phones.insert_phone(db, api.here.tenant_id, "1900", SECRETS)
    made = await add(api, role="supervisor", phone="1900")
    assert (made["phone"], made["agent_id"]) == ("1900", None)


async def test_password_is_never_shown_or_logged(
    api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    made = await add(api)
    assert not {"password", "password_hash"} & made.keys()
    status, body = await api.ask("POST", "/users", json={**BEN, "password": PASSWORD, "x": 1})
    assert status == 400
    assert PASSWORD not in str(body) + str(await api.get("/users"))
    assert PASSWORD not in str([record.__dict__ for record in caplog.records])


async def test_every_change_is_on_the_trail(api: Api) -> None:
    path = f"/users/{(await add(api))['id']}"
    changes: list[tuple[str, str, Any]] = [
        ("PUT", path, {**BEN, "role": "viewer"}),
        ("PUT", f"{path}/password", {"password": PASSWORD}),
        ("DELETE", path, None),
    ]
    for method, where, body in changes:
        status, answer = await api.ask(method, where, **({"json": body} if body else {}))
        assert status == 200, answer
    subject = path.rpartition("/")[2]
    actions = ["user_added", "user_changed", "user_password_changed", "user_removed"]
    assert await trail(api) == [(action, subject) for action in actions]
    assert (await api.ask("GET", path))[0] == 404


async def test_change_is_in_force_at_once(api: Api) -> None:
    made = await add(api)
    session = (await sign_in(api))[1]["data"]
    headers = {"Authorization": f"Bearer {session['access_token']}"}
    assert (await api.ask("GET", "/auth/me", role=None, headers=headers))[0] == 200
    await api.ask("PUT", f"/users/{made['id']}", json={**BEN, "disabled": True})
    assert (await api.ask("GET", "/auth/me", role=None, headers=headers))[0] == 401
    assert (await sign_in(api))[0] == 401
    await api.ask("PUT", f"/users/{made['id']}", json=BEN)
    token = {"refresh_token": session["refresh_token"]}
    assert (await api.ask("POST", "/auth/refresh", role=None, json=token))[0] == 401
    assert (await sign_in(api))[0] == 200


async def test_new_password_ends_the_sessions_of_the_old_one(api: Api) -> None:
    made = await add(api)
    session = (await sign_in(api))[1]["data"]
    path = f"/users/{made['id']}/password"
    assert (await api.ask("PUT", path, json={"password": "another-horse"}))[0] == 200
    token = {"refresh_token": session["refresh_token"]}
    assert (await api.ask("POST", "/auth/refresh", role=None, json=token))[0] == 401
    assert (await sign_in(api))[0] == 401
    assert (await sign_in(api, "another-horse"))[0] == 200


@pytest.mark.parametrize(
    ("method", "change", "field"),
    [
        ("DELETE", None, "path.id"),
        ("PUT", {"role": "supervisor"}, "body.role"),
        ("PUT", {"disabled": True}, "body.disabled"),
    ],
)
async def test_last_administrator_stays(
    api: Api, method: str, change: dict[str, Any] | None, field: str
) -> None:
    path = only_administrator(api)
    await add(api, login="sleeper", role="administrator", disabled=True)
    boss = {"login": "administrator", "display": "Boss", "role": "administrator"}
    how: dict[str, Any] = {"json": {**boss, **change}} if change is not None else {}
    status, body = await api.ask(method, path, **how)
    assert (status, body["error"]["code"]) == (409, "CONFLICT")
    assert [detail["field"] for detail in body["error"]["details"]] == [field]
    assert (await api.ask("PUT", path, json=boss))[0] == 200
    await add(api, role="administrator")
    assert (await api.ask(method, path, **how))[0] == 200


async def test_of_two_administrators_who_remove_each_other_one_stays(api: Api) -> None:
    other = (await add(api, role="administrator"))["id"]
    headers = api.headers(Role.ADMINISTRATOR)
    paths = [only_administrator(api), f"/users/{other}"]
    answers = await asyncio.gather(*(api.send("DELETE", path, headers=headers) for path in paths))
    assert sorted(answer.status for answer in answers) in ([200, 401], [200, 409])


@pytest.mark.parametrize(
    ("change", "status", "field"),
    [
        ({"login": "ANNA"}, 409, "body.login"),
        ({"login": " ben"}, 400, "body.login"),
        ({"login": ""}, 400, "body.login"),
        ({"role": "owner"}, 400, "body.role"),
        ({"password": "short"}, 400, "body.password"),
        ({"agent_id": str(uuid4())}, 422, "body.agent_id"),
        ({"phone": "7777"}, 422, "body.phone"),
        ({"phone": "1001"}, 422, "body.phone"),
        ({"phone": "1001", "agent_id": str(uuid4())}, 400, "body.phone"),
    ],
)
async def test_mistake_is_told_next_to_its_field(
    api: Api, change: dict[str, Any], status: int, field: str
) -> None:
    answer = await api.ask("POST", "/users", json={**BEN, "password": PASSWORD, **change})
    assert answer[0] == status
    assert [detail["field"] for detail in answer[1]["error"]["details"]] == [field]
    assert await trail(api) == []
