"""Flows, numbers, trunks and phones: what is changed is kept, in force, and on the audit trail."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from casecore.paging import Page
from casecore.permissions import Role
from casecore.store import audit, trunks
from telephony.trunk_status import RegistrationState, TrunkState, TrunkStatus
from tests.support.api import Api

GOODBYE: dict[str, Any] = {"name": "x", "start": "a", "nodes": {"a": {"kind": "hangup"}}}


async def newest_entry(api: Api) -> tuple[str, str, str]:
    async with api.database.tenant_tx(api.here.tenant_id) as db:
        rows = await audit.list_audit(db, api.here.tenant_id, Page(1))
        assert await audit.find_first_broken(db, api.here.tenant_id) is None
    return rows.items[0].actor, rows.items[0].action, rows.items[0].subject


async def kept_password(api: Api, name: str) -> str | None:
    async with api.database.tenant_tx(api.here.tenant_id) as db:
        rows = await trunks.list_all_trunks(db, api.here.tenant_id)
    return next(row.password for row in rows if row.name == name)


async def test_every_change_is_on_the_trail_and_in_force(api: Api) -> None:
    flow, trunk = api.here.flow.id, api.here.trunk.id
    changes: list[tuple[str, str, Any, str]] = [
        ("POST", "/flows", {"name": "new", "document": GOODBYE}, "flow_added"),
        ("PUT", f"/flows/{flow}", {"document": GOODBYE}, "flow_changed"),
        ("POST", "/numbers", {"number": "+493012", "flow_id": str(flow)}, "number_added"),
        ("DELETE", "/numbers/+493012", None, "number_removed"),
        ("PUT", "/numbers/5000", {"flow_id": str(flow)}, "number_changed"),
        ("DELETE", "/numbers/5000", None, "number_removed"),
        ("POST", "/trunks", {"name": "carrier"}, "trunk_added"),
        ("PUT", f"/trunks/{trunk}", {"name": "pbx"}, "trunk_changed"),
        ("DELETE", f"/trunks/{trunk}", None, "trunk_removed"),
        ("DELETE", f"/flows/{flow}", None, "flow_removed"),
    ]
    for number, (method, path, body, action) in enumerate(changes, 1):
        how: dict[str, Any] = {"json": body} if body is not None else {}
        status, answer = await api.ask(method, path, **how)
        assert status in (200, 201), answer
        assert (await newest_entry(api))[:2] == ("anna", action)
        assert api.live.reloads == [api.here.tenant_id] * number


async def test_refused_change_leaves_no_trace(api: Api) -> None:
    before = await newest_entry(api)
    taken = [
        ("/flows", {"name": "MAIN", "document": GOODBYE}),
        ("/numbers", {"number": "5000", "flow_id": str(api.here.flow.id)}),
        ("/trunks", {"name": "pbx"}),
    ]
    for path, body in taken:
        status, answer = await api.ask("POST", path, json=body)
        assert (status, answer["error"]["code"]) == (409, "CONFLICT"), path
    assert await newest_entry(api) == before
    assert api.live.reloads == []


async def test_change_of_a_flow_is_its_next_version(api: Api) -> None:
    path = f"/flows/{api.here.flow.id}"
    status, body = await api.ask("PUT", path, json={"document": GOODBYE})
    assert status == 200
    assert (body["data"]["latest_version"], body["data"]["published_version"]) == (2, 2)
    assert (await api.get(path))["document"] == GOODBYE
    versions = await api.get(f"{path}/versions")
    assert [(v["version"], v["published"]) for v in versions] == [(2, True), (1, False)]
    assert versions[0]["created_by"] == str(api.users[api.here.tenant_id, Role.ADMINISTRATOR])


async def test_new_flow_can_be_led_to_at_once(api: Api) -> None:
    _, body = await api.ask("POST", "/flows", json={"name": "new", "document": GOODBYE})
    number = {"number": "*99", "flow_id": body["data"]["id"]}
    status, _ = await api.ask("POST", "/numbers", json=number)
    assert status == 201
    shown = {n["number"]: n["flow_name"] for n in await api.get("/numbers")}
    assert shown == {"*99": "new", "5000": "main"}
    assert (await api.ask("DELETE", "/numbers/*99"))[0] == 200
    assert (await api.ask("DELETE", "/numbers/*99"))[0] == 404


async def test_flow_that_cannot_work_is_refused_with_all_that_is_wrong(api: Api) -> None:
    broken = {"name": "x", "start": "b", "nodes": {"a": {"kind": "hangupp"}, "c": {}}}
    for method, path, body in (
        ("POST", "/flows", {"name": "new", "document": broken}),
        ("PUT", f"/flows/{api.here.flow.id}", {"document": broken}),
    ):
        status, answer = await api.ask(method, path, json=body)
        assert (status, answer["error"]["code"]) == (422, "UNPROCESSABLE")
        messages = [detail["message"] for detail in answer["error"]["details"]]
        assert any("'a'" in message and "hangupp" in message for message in messages)
        assert any("'c'" in message for message in messages)
    assert len(await api.get("/flows")) == 1


async def test_password_of_a_trunk_is_never_shown(api: Api) -> None:
    trunk = {"name": "carrier", "target": "sip:192.0.2.7", "username": "u", "password": "s3cret-x"}
    response = await api.send(
        "POST", "/trunks", json=trunk, headers=api.headers(Role.ADMINISTRATOR)
    )
    assert response.status == 201
    assert "s3cret-x" not in await response.text()
    assert "s3cret-x" not in str(await api.get("/trunks"))
    assert await kept_password(api, "carrier") == "s3cret-x"


async def test_password_of_a_trunk_stays_until_it_is_named(api: Api) -> None:
    path = f"/trunks/{api.here.trunk.id}"
    steps: list[tuple[dict[str, Any], str | None]] = [
        ({"password": "first"}, "first"),
        ({"enabled": False}, "first"),
        ({"password": "second"}, "second"),
        ({"password": None}, None),
    ]
    for change, expected in steps:
        status, _ = await api.ask("PUT", path, json={"name": "pbx", **change})
        assert status == 200
        assert await kept_password(api, "pbx") == expected


@pytest.mark.parametrize(
    ("trunk", "field"),
    [
        ({"networks": ["192.0.2.1/24"]}, "body.networks"),
        ({"networks": ["somewhere"]}, "body.networks"),
        ({"networks": ["::1/129"]}, "body.networks"),
        ({"target": "mailto:a@b"}, "body.target"),
        ({"target": "sip:"}, "body.target"),
        ({"password": 1}, "body.password"),
    ],
)
async def test_unusable_trunk_is_refused_naming_the_field(
    api: Api, trunk: dict[str, Any], field: str
) -> None:
    status, body = await api.ask("POST", "/trunks", json={"name": "carrier", **trunk})
    assert status == 400
    assert all(d["field"].startswith(field) for d in body["error"]["details"])
    assert body["error"]["details"]


async def test_networks_of_a_trunk_come_back_as_given(api: Api) -> None:
    networks = ["192.0.2.0/24", "2001:db8::/32", "198.51.100.7/32"]
    _, body = await api.ask("POST", "/trunks", json={"name": "carrier", "networks": networks})
    assert body["data"]["networks"] == networks


async def test_pages_are_in_the_order_of_names(api: Api) -> None:
    for name in ("zulu", "Alpha", "kilo"):
        await api.ask("POST", "/trunks", json={"name": name})
    assert [t["name"] for t in await api.get("/trunks")] == ["Alpha", "kilo", "pbx", "zulu"]
    page = await api.get("/trunks?limit=2&page=2&order=desc")
    assert [t["name"] for t in page] == ["kilo", "Alpha"]


async def test_what_is_not_there_cannot_be_changed(api: Api) -> None:
    flow = {"flow_id": str(api.here.flow.id)}
    for method, path, body in (
        ("PUT", f"/flows/{uuid4()}", {"document": GOODBYE}),
        ("PUT", "/numbers/9999", flow),
        ("DELETE", "/numbers/9999", None),
        ("PUT", f"/trunks/{uuid4()}", {"name": "x"}),
        ("DELETE", f"/trunks/{uuid4()}", None),
    ):
        how: dict[str, Any] = {"json": body} if body is not None else {}
        assert (await api.ask(method, path, **how))[0] == 404, path
    assert api.live.reloads == []


async def test_a02_trunk_tells_how_it_stands(api: Api) -> None:
    [before] = await api.get("/trunks")
    assert {key: before[key] for key in ("state", "state_since", "registration", "register")} == {
        "state": "off",
        "state_since": None,
        "registration": "off",
        "register": False,
    }
    since = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
    api.live.trunks_of[api.here.tenant_id] = {
        api.here.trunk.id: TrunkStatus(
            TrunkState.DOWN, since, "it does not answer", RegistrationState.FAILED, since
        )
    }
    [trunk] = await api.get("/trunks")
    assert trunk == before | {
        "state": "down",
        "state_since": "2026-11-20T12:00:00Z",
        "state_detail": "it does not answer",
        "registration": "failed",
        "registered_until": "2026-11-20T12:00:00Z",
    }


async def test_a02_registering_needs_somebody_to_register_with_and_as_whom(api: Api) -> None:
    account = {"target": "sip:pbx.example", "username": "murima", "password": "secret"}
    whole = {"name": "itsp", "register": True, **account}
    for missing in account:
        body = {key: value for key, value in whole.items() if key != missing}
        status, answer = await api.ask("POST", "/trunks", json=body)
        assert status == 400
        assert [each["field"] for each in answer["error"]["details"]] == [f"body.{missing}"]
    status, answer = await api.ask("POST", "/trunks", json=whole)
    assert (status, answer["data"]["register"]) == (201, True)
    path = f"/trunks/{answer['data']['id']}"
    kept = {key: value for key, value in whole.items() if key != "password"}
    assert (await api.ask("PUT", path, json=kept))[0] == 200
    assert (await api.ask("PUT", path, json={**kept, "password": None}))[0] == 400
