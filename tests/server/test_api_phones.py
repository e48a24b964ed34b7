"""Phones: where they are, and those that are no agent's."""

from typing import Any

import pytest

from casecore.paging import Page
from casecore.permissions import Role
from casecore.store import audit, phones
from server.phone_passwords import secrets_of
from tests.support.api import Api

LOUNGE = {"user": "1900", "display": "Lounge"}
SUPERVISOR = {"login": "sue", "display": "Sue", "role": "supervisor", "password": "long enough"}


async def kept(api: Api, user: str) -> str:
    async with api.database.tenant_tx(api.here.tenant_id) as db:
        return (await phones.fetch_phone(db, api.here.tenant_id, user)).ha1_sha256


def hashed(user: str, password: str) -> str:
    return secrets_of(user, "here", password).sha256


async def test_phones_say_whether_they_are_registered_and_whose_they_are(api: Api) -> None:
    await api.ask("POST", "/phones", json=LOUNGE)
    assert await api.get("/phones", role=Role.SUPERVISOR) == [
        {
            "user": "1001",
            "display": "Anna",
            "agent_id": str(api.here.agent.id),
            "registered": True,
            "contacts": ["sip:1001@192.0.2.1:5060"],
        },
        {**LOUNGE, "agent_id": None, "registered": False, "contacts": []},
    ]


async def test_password_is_made_and_shown_once_or_chosen(api: Api) -> None:
    status, body = await api.ask("POST", "/phones", json=LOUNGE)
    made = body["data"]["password"]
    assert (status, len(made) >= 8) == (201, True)
    assert await kept(api, "1900") == hashed("1900", made)
    steps: list[tuple[dict[str, Any], str]] = [
        ({"display": "Hall"}, made),
        ({"password": "chosen by us"}, "chosen by us"),
    ]
    for change, password in steps:
        status, body = await api.ask("PUT", "/phones/1900", json=change)
        assert (status, body["data"]["password"]) == (200, None)
        assert await kept(api, "1900") == hashed("1900", password)
    _, body = await api.ask("PUT", "/phones/1900", json={"password": None})
    assert await kept(api, "1900") == hashed("1900", body["data"]["password"])


async def test_every_change_is_in_force_and_on_the_trail_without_the_password(api: Api) -> None:
    await api.ask("POST", "/phones", json={**LOUNGE, "password": "chosen by us"})
    await api.ask("PUT", "/phones/1900", json={"display": "Hall", "password": "another one"})
    assert (await api.ask("DELETE", "/phones/1900"))[0] == 200
    async with api.database.tenant_tx(api.here.tenant_id) as db:
        rows = await audit.list_audit(db, api.here.tenant_id, Page(100, order="asc"))
    told = [(row.action, row.subject) for row in rows.items[1:]]
    assert told == [(f"phone_{what}", "1900") for what in ("added", "changed", "removed")]
    assert "chosen" not in str(rows)
    assert "another one" not in str(rows)
    assert api.live.reloads == [api.here.tenant_id] * 3
    assert (await api.ask("DELETE", "/phones/1900"))[0] == 404


async def test_phone_that_is_needed_stays_and_it_says_by_whom(api: Api) -> None:
    await api.ask("POST", "/phones", json=LOUNGE)
    status, body = await api.ask("POST", "/users", json={**SUPERVISOR, "phone": "1900"})
    assert status == 201, body
    to_lounge = {
        "name": "x",
        "start": "a",
        "nodes": {
            "a": {"kind": "transfer", "target": "1900", "failed": "b"},
            "b": {"kind": "hangup"},
        },
    }
    await api.ask("PUT", f"/flows/{api.here.flow.id}", json={"document": to_lounge})
    status, body = await api.ask("DELETE", "/phones/1900")
    assert (status, body["error"]["code"]) == (409, "CONFLICT")
    assert [detail["message"] for detail in body["error"]["details"]] == [
        "the flow main transfers to it",
        "it rings the user sue",
    ]


async def test_agents_phone_is_the_agents_business(api: Api) -> None:
    changes: list[tuple[str, dict[str, Any]]] = [
        ("DELETE", {}),
        ("PUT", {"json": {"display": "Mine"}}),
    ]
    for method, how in changes:
        status, body = await api.ask(method, "/phones/1001", **how)
        assert status == 409
        assert [d["message"] for d in body["error"]["details"]] == [
            "it is the phone of the agent Anna"
        ]


@pytest.mark.parametrize(
    ("values", "status", "field"),
    [
        ({"user": "1001"}, 409, "body.user"),
        ({"user": "5000"}, 409, "body.user"),
        ({"user": "*45"}, 400, "body.user"),
        ({"user": ""}, 400, "body.user"),
        ({"display": "x" * 81}, 400, "body.display"),
        ({"password": "short"}, 400, "body.password"),
    ],
)
async def test_mistake_is_told_next_to_its_field(
    api: Api, values: dict[str, Any], status: int, field: str
) -> None:
    answer = await api.ask("POST", "/phones", json={**LOUNGE, **values})
    assert answer[0] == status
    assert [detail["field"] for detail in answer[1]["error"]["details"]] == [field]
