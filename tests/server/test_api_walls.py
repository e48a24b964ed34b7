"""Who comes in where: every operation against every role, and against another tenant's people."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from casecore.permissions import Role, may
from casecore.store.dispositions import Disposition, insert_disposition
from casecore.store.phones import insert_phone
from casecore.store.users import UserValues, insert_user
from server.api.operation import Operation
from server.auth.principal import Principal
from tests.support.api import Api
from tests.support.records import SECRETS, World

ECHO = {"name": "x", "start": "a", "nodes": {"a": {"kind": "hangup"}}}
USER = {"login": "new", "display": "New", "role": "agent"}
_PARAMETER = re.compile(r"\{\w+\}")
_TABLES = """
    select table_name as name from information_schema.columns
     where table_schema = 'public' and column_name = 'tenant_id'
     order by 1
"""
_ROWS = "select t::text as text from {} t where tenant_id = $1 order by 1"


def body_of(operation: Operation, world: World) -> dict[str, Any]:
    """A body that is right for `operation`, naming rows of `world`."""
    bodies: dict[str, dict[str, Any]] = {
        "put_agents_id_state": {"state": "away", "reason": "lunch"},
        "put_agents_id_queues_queue_id": {"serves": True},
        "put_agents_id_device_test": {"microphone": "there"},
        "post_calls": {"from_user": "1001", "to": "1002"},
        "post_calls_live_id_hold": {"held": True},
        "post_calls_live_id_help": {"reason": "question", "text": "Who knows?"},
        "post_calls_live_id_mute": {"muted": True},
        "post_calls_live_id_transfer": {"to": "1002"},
        "post_calls_live_id_consult": {"to": "1002"},
        "put_calls_live_id_consult": {"action": "complete"},
        "put_calls_live_id_supervision": {"mode": "listen"},
        "post_flows": {"name": "new", "document": ECHO},
        "put_flows_id": {"document": ECHO},
        "post_numbers": {"number": "5999", "flow_id": str(world.flow.id)},
        "put_numbers_number": {"flow_id": str(world.flow.id)},
        "post_phones": {"user": "1999", "display": "New"},
        "put_phones_user": {"display": "Changed"},
        "post_trunks": {"name": "new", "networks": ["192.0.2.0/24"]},
        "put_trunks_id": {"name": "changed"},
        "post_agents": {"name": "New", "extension": "1077", "skills": {"sales": 1}},
        "put_agents_id": {"name": "New", "extension": "1077"},
        "post_queues": {"name": "new", "skill": "sales"},
        "put_queues_id": {"name": "changed", "skill": "sales"},
        "post_hours": {"name": "new", "zone": "UTC"},
        "put_hours_id": {"name": "changed", "zone": "UTC"},
        "post_sounds_spoken": {"name": "new", "text": "Hello."},
        "post_sounds_preview": {"text": "Hello."},
        "put_sounds_id": {"name": "changed"},
        "post_dispositions": {"code": "new", "label": "New"},
        "put_dispositions_code": {"label": "Changed"},
        "put_calls_id_wrap_up": {"disposition": "resolved", "note": "so it is"},
        "post_users": {**USER, "password": "long enough"},
        "put_users_id": {**USER, "agent_id": str(world.agent.id)},
        "put_users_id_password": {"password": "long enough"},
    }
    return bodies[operation.name]


def path_of(operation: Operation, world: World, api: Api) -> str:
    live_call = api.live.calls(world.tenant_id)[0].id
    ids = {
        "/agents": world.agent.id,
        "/calls/live": live_call,
        "/calls": world.call.id,
        "/recordings": world.recording_id,
        "/flows": world.flow.id,
        "/dispositions": "theirs",
        "/numbers": "4711",  # only the other tenant has it; 5000 is in both
        "/phones": "theirs",
        "/trunks": world.trunk.id,
        "/queues": world.queue.id,
        "/users": world.user.id,
        "/hours": world.calendar.id,
        "/sounds": world.music.id,
    }
    for start, value in ids.items():
        if operation.path.startswith(start + "/{"):
            return _PARAMETER.sub(str(value), operation.path)
    return operation.path


def guarded(api: Api) -> Iterator[Operation]:
    return (operation for operation in api.http.operations if not operation.public)


async def sent(api: Api, operation: Operation, path: str, world: World, **how: Any) -> int:
    if operation.body is not None:
        how["json"] = body_of(operation, world)
    if operation.upload is not None:
        path, how["data"] = f"{path}?name=new", b"no sound"
    response = await api.send(operation.method, path, **how)
    await response.read()
    return response.status


async def rows_of(api: Api, world: World) -> dict[str, list[str]]:
    """Everything the tenant has, as text by table."""
    found = {}
    async with api.database.tenant_tx(world.tenant_id) as db:
        for table in await db.fetch(_TABLES):
            rows = await db.fetch(_ROWS.format(table["name"]), world.tenant_id)
            found[table["name"]] = [row["text"] for row in rows]
    return found


async def test_without_a_token_only_signing_in_is_open(api: Api) -> None:
    for operation in guarded(api):
        path = path_of(operation, api.here, api)
        assert await sent(api, operation, path, api.here) == 401, operation.name
    assert {o.path for o in api.http.operations if o.public} == {
        *("/auth/login", "/auth/refresh", "/auth/logout"),
    }


@pytest.mark.parametrize("role", Role)
async def test_role_opens_what_its_permissions_say_and_nothing_else(api: Api, role: Role) -> None:
    headers = api.headers(role)
    for operation in guarded(api):
        unknown = path_of(operation, api.there, api)
        status = await sent(api, operation, unknown, api.there, headers=headers)
        if operation.may is not None:
            assert (status == 403) is not may(role, operation.may), operation.name
        else:
            assert status in (200, 404), operation.name


@pytest.mark.parametrize("role", [Role.ADMINISTRATOR, Role.AGENT])
async def test_nobody_reaches_into_another_tenant(api: Api, role: Role) -> None:
    async with api.database.tenant_tx(api.there.tenant_id) as db:
        await db.execute(
            "insert into numbers (tenant_id, number, flow_id) values ($1, '4711', $2)",
            api.there.tenant_id,
            api.there.flow.id,
        )
        theirs = Disposition(code="theirs", label="Theirs")
        await insert_disposition(db, api.there.tenant_id, theirs)
        await insert_phone(db, api.there.tenant_id, "theirs", SECRETS)
    before = await rows_of(api, api.there)
    assert sum(map(len, before.values())) > 10
    live_before = (api.live.agents(api.there.tenant_id), api.live.calls(api.there.tenant_id))
    headers = api.headers(role)
    tried = 0
    for operation in guarded(api):
        path = path_of(operation, api.there, api)
        if path == operation.path:
            continue
        if operation.may is not None and not may(role, operation.may):
            continue
        tried += 1
        status = await sent(api, operation, path, api.here, headers=headers)
        assert status == 404, operation.name
    assert tried >= 7
    assert await rows_of(api, api.there) == before
    assert live_before == (
        api.live.agents(api.there.tenant_id),
        api.live.calls(api.there.tenant_id),
    )


@pytest.mark.parametrize("role", [Role.ADMINISTRATOR, Role.AGENT])
async def test_lists_name_nothing_of_another_tenant(api: Api, role: Role) -> None:
    there = api.there
    strange = [
        str(each)
        for each in (
            *(there.tenant_id, there.agent.id, there.call.id, there.queue.id, there.flow.id),
            *(there.trunk.id, there.recording_id, api.live.calls(there.tenant_id)[0].id),
            *(there.user.id, there.calendar.id, there.music.id),
        )
    ]
    headers = api.headers(role)
    for operation in guarded(api):
        if operation.method != "GET" or "{" in operation.path:
            continue
        if operation.may is not None and not may(role, operation.may):
            continue
        response = await api.send("GET", operation.path, headers=headers)
        text = await response.text()
        assert response.status == 200, operation.name
        assert not [each for each in strange if each in text], operation.name


async def test_filters_find_nothing_of_another_tenant(api: Api) -> None:
    for path in (
        f"/calls?agent_id={api.there.agent.id}",
        f"/recordings?call_id={api.there.call.id}",
    ):
        assert await api.get(path) == []


async def test_body_cannot_name_a_row_of_another_tenant(api: Api) -> None:
    strange = {"flow_id": str(api.there.flow.id)}
    for method, path, body in (
        ("POST", "/numbers", {"number": "5999", **strange}),
        ("PUT", "/numbers/5000", strange),
    ):
        status, answer = await api.ask(method, path, json=body)
        assert status == 422, answer
        assert [d["field"] for d in answer["error"]["details"]] == ["body.flow_id"]
    [number] = await api.get("/numbers")
    assert number["flow_id"] == str(api.here.flow.id)
    user = {**USER, "agent_id": str(api.there.agent.id)}
    for method, path, more in (
        ("POST", "/users", {"password": "long enough"}),
        ("PUT", f"/users/{api.here.user.id}", {}),
    ):
        status, answer = await api.ask(method, path, json={**user, **more})
        assert status == 422, answer
        assert [d["field"] for d in answer["error"]["details"]] == ["body.agent_id"]


async def whole_answer(
    api: Api, operation: Operation, path: str, headers: dict[str, str]
) -> tuple[int, dict[str, str], str]:
    """All that a stranger can see of it."""
    body = body_of(operation, api.here) if operation.body is not None else None
    response = await api.send(operation.method, path, headers=headers, json=body)
    seen = {name: value for name, value in response.headers.items() if name != "Date"}
    return response.status, seen, await response.text()


@pytest.mark.parametrize("role", Role)
async def test_unknown_and_strange_rows_are_told_alike(api: Api, role: Role) -> None:
    headers = api.headers(role)
    compared = 0
    for operation in guarded(api):
        if not operation.parameters:
            continue
        word = "4712" if {"number", "code", "user"} & operation.parameters.keys() else str(uuid4())
        unknown = _PARAMETER.sub(word, operation.path)
        expected = await whole_answer(api, operation, unknown, headers)
        strange = path_of(operation, api.there, api)
        assert await whole_answer(api, operation, strange, headers) == expected, operation.name
        assert expected[0] in (403, 404), operation.name
        compared += 1
    assert compared >= 14


async def test_unknown_rows_and_those_of_colleagues_are_told_alike(api: Api) -> None:
    nobody = api.headers(Role.AGENT, agent_id=uuid4())
    alone = api.headers(Role.AGENT, agent_id=api.there.agent.id)
    own_call = api.live.calls(api.here.tenant_id)[0].id
    for method, path, id in (
        ("GET", "/calls/{}", api.here.call.id),
        ("GET", "/calls/{}/timeline", api.here.call.id),
        ("GET", "/recordings/{}", api.here.recording_id),
        ("GET", "/recordings/{}/audio", api.here.recording_id),
        ("DELETE", "/calls/live/{}", own_call),
    ):
        for headers in (nobody, alone):
            answers = []
            for each in (id, uuid4()):
                response = await api.send(method, path.format(each), headers=headers)
                answers.append((response.status, await response.text()))
            assert answers[0] == answers[1], path
            assert answers[0][0] == 404


async def test_agent_role_without_an_agent_learns_nothing_of_recordings(api: Api) -> None:
    async with api.database.tenant_tx(api.here.tenant_id) as db:
        values = UserValues(login="none", display="None", role=Role.AGENT)
        user = await insert_user(db, api.here.tenant_id, values, "none")
    await api.http.accounts.refresh(api.here.tenant_id)
    who = Principal(user.id, api.here.tenant_id, "none", Role.AGENT, None)
    token = api.http._tokens.issue(who, now=datetime.now(UTC))
    answers = []
    for id in (api.here.recording_id, uuid4()):
        path = f"/recordings/{id}"
        headers = {"Authorization": f"Bearer {token}"}
        answers.append(await api.ask("GET", path, role=None, headers=headers))
    assert answers[0] == answers[1]
    assert answers[0][0] == 403
