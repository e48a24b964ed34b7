"""Whoever took a call says what became of it; what they typed is kept, whatever it is."""

from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from casecore.paging import Page
from casecore.permissions import Role
from casecore.store import audit, calls
from routing.events import WorkId
from tests.support.api import Api
from tests.support.records import new_call


async def wrap_up(api: Api, role: Role = Role.AGENT, **values: Any) -> tuple[int, Any]:
    return await api.ask("PUT", f"/calls/{api.here.call.id}/wrap-up", role=role, json=values)


async def test_agent_who_took_the_call_says_what_became_of_it(api: Api) -> None:
    status, body = await wrap_up(api, disposition="resolved", note="Pays on Friday.")
    assert status == 200, body
    [listed] = await api.get("/calls")
    shown = await api.get(f"/calls/{api.here.call.id}")
    for each in (body["data"], listed, shown):
        assert (each["disposition"], each["note"]) == ("resolved", "Pays on Friday.")
    status, body = await wrap_up(api, Role.SUPERVISOR)
    assert (status, body["data"]["disposition"], body["data"]["note"]) == (200, None, "")


async def test_nobody_else_does(api: Api) -> None:
    async with api.database.tenant_tx(api.here.tenant_id) as db:
        other = new_call()
        await calls.insert_call(db, api.here.tenant_id, other)
    path = f"/calls/{other.id}/wrap-up"
    assert (await api.ask("PUT", path, role=Role.AGENT, json={}))[0] == 404
    assert (await api.ask("PUT", path, role=Role.VIEWER, json={}))[0] == 403
    assert (await api.ask("PUT", path, role=Role.SUPERVISOR, json={}))[0] == 200
    assert (await api.ask("PUT", f"/calls/{uuid4()}/wrap-up", json={}))[0] == 404


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("Zoë said: „später“ 🙂\n\ttwo lines", None),
        ("'); drop table calls; --", None),
        ("\x00 from a broken paste", "\N{REPLACEMENT CHARACTER} from a broken paste"),
        ("\x1b[31m\u202e", None),
        ("🙂" * 4_000, None),
    ],
)
async def test_note_is_kept_whatever_was_typed(api: Api, typed: str, kept: str | None) -> None:
    status, body = await wrap_up(api, note=typed)
    assert (status, body["data"]["note"]) == (200, typed if kept is None else kept)


@pytest.mark.parametrize(
    ("values", "status", "field"),
    [
        ({"note": "x" * 4_001}, 400, "body.note"),
        ({"disposition": 7}, 400, "body.disposition"),
        ({"disposition": "unheard-of"}, 422, "body.disposition"),
        ({"disposition": "\x00"}, 422, "body.disposition"),
    ],
)
async def test_mistake_is_told_next_to_its_field(
    api: Api, values: dict[str, Any], status: int, field: str
) -> None:
    answer = await wrap_up(api, **values)
    assert answer[0] == status
    assert [detail["field"] for detail in answer[1]["error"]["details"]] == [field]


async def test_calls_are_found_by_what_became_of_them(api: Api) -> None:
    assert await api.get("/calls?disposition=resolved") == []
    await wrap_up(api, disposition="resolved")
    assert len(await api.get("/calls?disposition=resolved")) == 1
    assert await api.get("/calls?disposition=other") == []


async def test_everybody_sees_the_list_in_its_order(api: Api) -> None:
    for code, label, position in (("b", "Second", 2), ("c", "Third", 3), ("a", "Last", 3)):
        body = {"code": code, "label": label, "position": position}
        assert (await api.ask("POST", "/dispositions", json=body))[0] == 201
    await api.ask("PUT", "/dispositions/a", json={"label": "Fourth", "position": 4})
    for role in Role:
        shown = await api.get("/dispositions", role=role)
        assert [row["label"] for row in shown] == ["Resolved", "Second", "Third", "Fourth"]
    for role in set(Role) - {Role.ADMINISTRATOR}:
        status, _ = await api.ask("DELETE", "/dispositions/a", role=role)
        assert status == 403


async def test_what_was_said_of_a_call_stays_when_a_disposition_is_given_up(api: Api) -> None:
    await wrap_up(api, disposition="resolved")
    assert (await api.ask("DELETE", "/dispositions/resolved"))[0] == 200
    assert (await api.get(f"/calls/{api.here.call.id}"))["disposition"] == "resolved"
    assert (await wrap_up(api, disposition="resolved", note="still"))[0] == 200
    assert (await wrap_up(api))[0] == 200
    assert (await wrap_up(api, disposition="resolved"))[0] == 422


async def test_changes_of_the_list_are_on_the_trail(api: Api) -> None:
    new = {"code": "call-back", "label": "Call back"}
    assert (await api.ask("POST", "/dispositions", json=new))[0] == 201
    status, body = await api.ask("POST", "/dispositions", json=new)
    assert (status, body["error"]["details"][0]["field"]) == (409, "body.code")
    await api.ask("PUT", "/dispositions/call-back", json={"label": "Ring back"})
    await api.ask("DELETE", "/dispositions/call-back")
    assert (await api.ask("DELETE", "/dispositions/call-back"))[0] == 404
    async with api.database.tenant_tx(api.here.tenant_id) as db:
        rows = await audit.list_audit(db, api.here.tenant_id, Page(100, order="asc"))
    actions = [f"disposition_{what}" for what in ("added", "changed", "removed")]
    assert [(row.action, row.subject) for row in rows.items[1:]] == [
        (action, "call-back") for action in actions
    ]


async def test_f03_what_is_due_before_the_next_call_is_told_and_taken(api: Api) -> None:
    world = api.here
    [agent] = api.live.agents(world.tenant_id)
    api.live.agents_of[world.tenant_id] = [replace(agent, disposition_due=WorkId(world.call.id))]
    assert (await api.get(f"/agents/{agent.id}"))["disposition_due"] == str(world.call.id)
    await wrap_up(api, note="Only a note.")
    assert api.live.dispositions_taken == []
    await wrap_up(api, disposition="resolved")
    assert api.live.dispositions_taken == [world.call.id]


async def test_f03_where_there_is_nothing_to_choose_from_a_note_is_enough(api: Api) -> None:
    for known in await api.get("/dispositions"):
        await api.ask("DELETE", f"/dispositions/{known['code']}")
    await wrap_up(api, note="Only a note.")
    assert api.live.dispositions_taken == [api.here.call.id]


async def test_f03_agent_who_owes_it_is_told_so_and_a_supervisor_waives_it(api: Api) -> None:
    agent = api.here.agent.id
    api.live.owing = {agent}
    state, end = f"/agents/{agent}/state", f"/agents/{agent}/wrap-up/end"
    ready = {"json": {"state": "available"}}
    for answer in (
        await api.ask("PUT", state, role=Role.AGENT, **ready),
        await api.ask("POST", end, role=Role.AGENT),
    ):
        assert answer[0] == 409
        assert answer[1]["error"]["message"] == "Please say what became of the last call first."
        assert answer[1]["error"]["details"][0]["code"] == "disposition_missing"
    away = await api.ask("PUT", state, role=Role.AGENT, json={"state": "away"})
    assert away[0] == 200
    assert (await api.ask("POST", end, role=Role.SUPERVISOR))[0] == 200
    assert (await api.ask("PUT", state, role=Role.SUPERVISOR, **ready))[0] == 200
