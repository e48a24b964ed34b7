"""Agents are made with a phone that can register, and stay as long as somebody needs them."""

from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest

from casecore.paging import Page
from casecore.permissions import Role
from casecore.store import agents, audit, phones, users
from routing.events import WorkId
from server.phone_passwords import secrets_of
from tests.support.api import Api, agent_snapshot
from tests.support.records import SECRETS

BEN = {"name": "Ben", "extension": "1002", "skills": {"sales": 2, "support": 5}}


async def add(api: Api, **values: Any) -> dict[str, Any]:
    status, body = await api.ask("POST", "/agents", json={**BEN, **values})
    assert status == 201, body
    return dict(body["data"])


async def change(api: Api, id: object, **values: Any) -> dict[str, Any]:
    status, body = await api.ask("PUT", f"/agents/{id}", json={**BEN, **values})
    assert status == 200, body
    return dict(body["data"])


async def phones_of(api: Api) -> dict[str, phones.Phone]:
    async with api.database.tenant_tx(api.here.tenant_id) as db:
        return {phone.user: phone for phone in await phones.list_all_phones(db, api.here.tenant_id)}


async def opens(api: Api, user: str, password: str) -> bool:
    phone, secrets = (await phones_of(api))[user], secrets_of(user, "here", password)
    return (phone.ha1_md5, phone.ha1_sha256) == (secrets.md5, secrets.sha256)


async def trail(api: Api) -> list[audit.AuditEntry]:
    async with api.database.tenant_tx(api.here.tenant_id) as db:
        rows = await audit.list_audit(db, api.here.tenant_id, Page(100, order="asc"))
    return list(rows.items[1:])


async def test_new_agent_has_a_phone_whose_password_is_shown_once(api: Api) -> None:
    made = await add(api)
    assert made["skills"] == BEN["skills"]
    assert await opens(api, "1002", made["password"])
    phone = (await phones_of(api))["1002"]
    assert (str(phone.agent_id), phone.display) == (made["id"], "Ben")
    assert (await change(api, made["id"]))["password"] is None
    assert await opens(api, "1002", made["password"])
    assert made["password"] not in str(await trail(api))


async def test_chosen_password_is_not_repeated(api: Api) -> None:
    made = await add(api, password="chosen-one")
    assert made["password"] is None
    assert await opens(api, "1002", "chosen-one")
    assert (await change(api, made["id"], password="chosen-two"))["password"] is None
    assert await opens(api, "1002", "chosen-two")
    again = await change(api, made["id"], password=None)
    assert await opens(api, "1002", again["password"])
    assert "chosen" not in str(await trail(api))


async def test_changed_extension_is_a_new_phone(api: Api) -> None:
    made = await add(api, password="chosen-one")
    moved = await change(api, made["id"], extension="1003", skills={"sales": 1})
    assert "1002" not in await phones_of(api)
    assert await opens(api, "1003", moved["password"])
    async with api.database.tenant_tx(api.here.tenant_id) as db:
        agent = await agents.fetch_agent(db, api.here.tenant_id, UUID(made["id"]))
    assert (agent.extension, agent.skills) == ("1003", {"sales": 1})


async def test_phone_of_nobody_becomes_the_agents(api: Api) -> None:
    async with api.database.tenant_tx(api.here.tenant_id) as db:
        await phones.insert_phone(db, api.here.tenant_id, "1002", SECRETS)
    made = await add(api)
    assert await opens(api, "1002", made["password"])


async def test_every_change_is_on_the_trail_and_in_force(api: Api) -> None:
    id = (await add(api))["id"]
    await change(api, id, name="Benno")
    assert (await api.ask("DELETE", f"/agents/{id}"))[0] == 200
    told = [(row.action, row.subject) for row in await trail(api)]
    assert told == [(f"agent_{what}", id) for what in ("added", "changed", "removed")]
    assert api.live.reloads == [api.here.tenant_id] * 3
    assert "1002" not in await phones_of(api)
    assert (await api.ask("DELETE", f"/agents/{id}"))[0] == 404


async def test_users_phone_follows_the_extension_at_once(api: Api) -> None:
    await change(api, api.here.agent.id, extension="1077")
    status, body = await api.ask("POST", "/softphone/tickets", role=Role.AGENT)
    assert (status, body["data"]["user"]) == (201, "1077")


async def test_agent_who_is_needed_stays_and_it_says_by_whom(api: Api) -> None:
    path = f"/agents/{api.here.agent.id}"
    status, body = await api.ask("DELETE", path)
    assert (status, body["error"]["code"]) == (409, "CONFLICT")
    assert [detail["message"] for detail in body["error"]["details"]] == [
        "the user anna is this agent or has the agent's phone",
        "a call is with this agent now",
    ]
    assert "1001" in await phones_of(api)


async def test_agent_at_work_stays(api: Api) -> None:
    id = UUID((await add(api))["id"])
    busy = replace(agent_snapshot(id, "1002"), work_id=WorkId(uuid4()))
    api.live.agents_of[api.here.tenant_id].append(busy)
    assert (await api.ask("DELETE", f"/agents/{id}"))[0] == 409


@pytest.mark.parametrize(
    ("values", "status", "field"),
    [
        ({"extension": "1001"}, 409, "body.extension"),
        ({"extension": "5000"}, 409, "body.extension"),
        ({"extension": "1900"}, 409, "body.extension"),
        ({"extension": "*45"}, 400, "body.extension"),
        ({"skills": {"sales": 6}}, 400, "body.skills.sales"),
        ({"skills": {"sales": 0}}, 400, "body.skills.sales"),
        ({"name": ""}, 400, "body.name"),
        ({"password": "short"}, 400, "body.password"),
    ],
)
async def test_mistake_is_told_next_to_its_field(
    api: Api, values: dict[str, Any], status: int, field: str
) -> None:
    async with api.database.tenant_tx(api.here.tenant_id) as db:
        boss = users.UserValues(login="boss", display="B", role=Role.SUPERVISOR, phone="1900")
        await users.insert_user(db, api.here.tenant_id, boss, "none")
        await phones.insert_phone(db, api.here.tenant_id, "1900", SECRETS)
    ben = (await add(api))["id"]
    for method, path in (("POST", "/agents"), ("PUT", f"/agents/{ben}")):
        answer = await api.ask(method, path, json={**BEN, **values})
        assert answer[0] == status, answer
        assert [detail["field"] for detail in answer[1]["error"]["details"]] == [field]
    assert len(await trail(api)) == 1
    assert len(await phones_of(api)) == 3
