"""People sign in, stay signed in and sign out; guessing gets nobody anywhere."""

import asyncio
import logging
from typing import Any

import pytest
import pytest_asyncio

from casecore.store import refresh_tokens, users
from server.api.resources.auth import Auth
from server.auth.passwords import Passwords
from tests.support.api import Api

PASSWORD = "correct-horse-battery"


@pytest_asyncio.fixture(autouse=True)
async def _password(api: Api) -> None:
    hashed = await Passwords().hash(PASSWORD)
    for world in (api.here, api.there):
        async with api.database.tenant_tx(world.tenant_id) as db:
            await users.update_password(db, world.tenant_id, world.user.id, hashed)


async def login(api: Api, password: str = PASSWORD, **more: str) -> tuple[int, Any]:
    body = {"login": "anna", "password": password, **more}
    return await api.ask("POST", "/auth/login", role=None, json=body)


async def session(api: Api) -> dict[str, Any]:
    status, body = await login(api)
    assert status == 200, body
    return dict(body["data"])


async def refresh(api: Api, token: str) -> tuple[int, Any]:
    return await api.ask("POST", "/auth/refresh", role=None, json={"refresh_token": token})


async def test_session_opens_doors_and_says_whose_it_is(api: Api) -> None:
    got = await session(api)
    assert (got["token_type"], got["expires_in"]) == ("Bearer", 900)
    assert got["user"] == {
        "id": str(api.here.user.id),
        "login": "anna",
        "display": "Anna",
        "role": "agent",
        "agent_id": str(api.here.agent.id),
    }
    headers = {"Authorization": f"Bearer {got['access_token']}"}
    assert await api.get("/auth/me", role=None, headers=headers) == got["user"]


async def test_same_login_of_another_tenant_is_another_person(api: Api) -> None:
    status, body = await login(api, tenant="there")
    assert (status, body["data"]["user"]["id"]) == (200, str(api.there.user.id))


async def test_refusals_look_the_same_whatever_was_wrong(
    api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        wrong = await login(api, "wrong-password")
    [record] = [r for r in caplog.records if r.getMessage() == "sign-in refused"]
    assert wrong[0] == 401
    assert await login(api, login="nobody") == wrong
    assert await login(api, tenant="nowhere") == wrong
    assert record.__dict__["pii_login"] == "anna"
    assert record.__dict__["source"] == "127.0.0.1"
    assert "wrong-password" not in str(record.__dict__)


async def test_disabled_person_neither_signs_in_nor_stays_in(api: Api) -> None:
    tenant_id, user = api.here.tenant_id, api.here.user
    token = (await session(api))["refresh_token"]
    values = users.UserValues(login="anna", display="Anna", role=user.role, disabled=True)
    async with api.database.tenant_tx(tenant_id) as db:
        await users.update_user(db, tenant_id, user.id, values)
    assert (await login(api))[0] == 401
    assert (await refresh(api, token))[0] == 401


async def test_guessing_is_slowed_even_for_the_right_password(api: Api) -> None:
    statuses = [(await login(api, f"guess {n}"))[0] for n in range(6)]
    assert statuses == [401] * 5 + [429]
    body = {"login": "anna", "password": PASSWORD}
    response = await api.send("POST", "/auth/login", json=body)
    assert response.status == 429
    assert int(response.headers["Retry-After"]) >= 1


async def test_guessing_at_once_is_slowed_as_guessing_in_turn(api: Api) -> None:
    guesses = [login(api, f"guess {n}") for n in range(20)]
    statuses = [status for status, _ in await asyncio.gather(*guesses)]
    assert sorted(statuses) == [401] * 5 + [429] * 15


async def test_signing_in_forgives_earlier_mistakes(api: Api) -> None:
    for _ in range(2):
        assert [(await login(api, "oops"))[0] for _ in range(4)] == [401] * 4
        await session(api)


async def test_each_exchange_gives_a_new_token_of_the_same_person(api: Api) -> None:
    first = await session(api)
    status, body = await refresh(api, first["refresh_token"])
    assert status == 200
    assert body["data"]["refresh_token"] != first["refresh_token"]
    assert body["data"]["user"] == first["user"]
    assert (await refresh(api, body["data"]["refresh_token"]))[0] == 200


async def test_token_used_twice_ends_the_whole_session(api: Api) -> None:
    first = (await session(api))["refresh_token"]
    other = (await session(api))["refresh_token"]
    _, body = await refresh(api, first)
    assert (await refresh(api, first))[0] == 401
    assert (await refresh(api, body["data"]["refresh_token"]))[0] == 401
    assert (await refresh(api, other))[0] == 200, "another sign-in of the person goes on"


async def test_of_two_exchanges_at_once_none_leaves_a_usable_token(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second comes while the first has used the token up, but not answered yet."""
    first = (await session(api))["refresh_token"]
    rivals: list[asyncio.Task[tuple[int, Any]]] = []
    insert = refresh_tokens.insert_refresh_token

    async def insert_while_another_comes(*args: Any, **values: Any) -> None:
        rivals.append(asyncio.get_running_loop().create_task(refresh(api, first)))
        await asyncio.wait(rivals, timeout=0.2)
        await insert(*args, **values)

    monkeypatch.setattr(refresh_tokens, "insert_refresh_token", insert_while_another_comes)
    status, body = await refresh(api, first)
    assert status == 200
    assert (await rivals[0])[0] == 401
    monkeypatch.undo()
    assert (await refresh(api, body["data"]["refresh_token"]))[0] == 401


async def test_exchange_that_fails_leaves_the_token_usable(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = (await session(api))["refresh_token"]

    async def fail(*args: object, **kwargs: object) -> None:
        raise ConnectionResetError

    monkeypatch.setattr(refresh_tokens, "insert_refresh_token", fail)
    assert (await refresh(api, token))[0] == 503
    monkeypatch.undo()
    assert (await refresh(api, token))[0] == 200


async def test_signing_out_ends_the_session_and_may_be_repeated(api: Api) -> None:
    token = (await session(api))["refresh_token"]
    _, body = await refresh(api, token)
    token = body["data"]["refresh_token"]
    for _ in range(2):
        out = await api.ask("POST", "/auth/logout", role=None, json={"refresh_token": token})
        assert out == (200, {"success": True})
    assert (await refresh(api, token))[0] == 401


async def test_token_says_nothing_in_another_tenant(api: Api) -> None:
    token = (await session(api))["refresh_token"]
    moved = f"{api.there.tenant_id.hex}.{token.partition('.')[2]}"
    assert (await refresh(api, moved))[0] == 401
    assert (await refresh(api, "no-token-at-all"))[0] == 401
    assert (await refresh(api, token))[0] == 200


def test_every_operation_of_signing_in_is_public_but_one() -> None:
    made: Any = Auth.__new__(Auth)
    public = {operation.path: operation.public for operation in Auth.operations(made)}
    assert public == {
        "/auth/login": True,
        "/auth/refresh": True,
        "/auth/logout": True,
        "/auth/me": False,
    }
