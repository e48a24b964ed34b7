"""Opening hours are set up by administrators, and stay as long as a flow asks them."""

from datetime import UTC, datetime
from typing import Any

import pytest

from casecore.paging import Page
from casecore.permissions import Role
from casecore.store import audit
from tests.support.api import Api

FULL: dict[str, Any] = {
    "name": "Main office",
    "zone": "Europe/Berlin",
    "weekly": [
        {"day": "monday", "opens": "09:00", "closes": "12:00"},
        {"day": "monday", "opens": "13:00", "closes": "00:00"},
    ],
    "holidays": [
        {"date": "2026-12-24", "name": "Christmas Eve", "spans": [
            {"opens": "09:00", "closes": "11:00"},
        ]},
        {"date": "2026-12-25", "name": "Christmas", "spans": []},
    ],
}  # fmt: skip


def asking(calendar: str, **parts: Any) -> dict[str, Any]:
    node = {"kind": "hours", "calendar": calendar, "open": "end", "closed": "end"}
    return {"name": "x", "start": "a", "nodes": {"a": node, "end": {"kind": "hangup"}}, **parts}


async def trail(api: Api) -> list[tuple[str, str]]:
    async with api.database.tenant_tx(api.here.tenant_id) as db:
        rows = await audit.list_audit(db, api.here.tenant_id, Page(100, order="asc"))
    return [(row.action, row.subject) for row in rows.items[1:]]


async def publish(api: Api, document: dict[str, Any]) -> tuple[int, Any]:
    return await api.ask("PUT", f"/flows/{api.here.flow.id}", json={"document": document})


async def test_every_field_is_kept(api: Api) -> None:
    status, body = await api.ask("POST", "/hours", json=FULL)
    assert status == 201
    made = body["data"]
    assert {key: made[key] for key in FULL} == FULL
    path = f"/hours/{made['id']}"
    assert await api.get(path, role=Role.SUPERVISOR) == made
    assert [each["name"] for each in await api.get("/hours")] == ["Main office", "office"]
    status, body = await api.ask("PUT", path, json={"name": "Branch", "zone": "UTC"})
    assert (status, body["data"]["weekly"], body["data"]["holidays"]) == (200, [], [])
    assert (await api.ask("DELETE", path))[0] == 200
    assert (await api.ask("GET", path))[0] == 404
    actions = [(f"hours_{what}", made["id"]) for what in ("added", "changed", "removed")]
    assert await trail(api) == actions
    assert api.live.reloads == [api.here.tenant_id] * 3


async def test_answer_says_whether_it_is_open_and_when_that_changes(api: Api) -> None:
    days = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
    always = [{"day": day, "opens": "00:00", "closes": "00:00"} for day in days]
    _, body = await api.ask("POST", "/hours", json={"name": "a", "zone": "UTC", "weekly": always})
    assert (body["data"]["open_now"], body["data"]["next_change_at"]) == (True, None)
    mondays = {"name": "m", "zone": "UTC", "weekly": always[:1]}
    _, body = await api.ask("POST", "/hours", json=mondays)
    changes = datetime.fromisoformat(body["data"]["next_change_at"])
    assert body["data"]["open_now"] is (datetime.now(UTC).weekday() == 0)
    assert changes > datetime.now(UTC)
    assert (changes.weekday(), changes.time().isoformat()) in ((0, "00:00:00"), (1, "00:00:00"))


async def test_time_zones_to_choose_from_are_told(api: Api) -> None:
    zones = await api.get("/hours/zones", role=Role.SUPERVISOR)
    assert {"Europe/Berlin", "UTC"} <= set(zones)


@pytest.mark.parametrize(
    ("values", "status", "field"),
    [
        ({"name": "OFFICE"}, 409, "body.name"),
        ({"zone": "Europe/Bonn"}, 400, "body.zone"),
        ({"zone": "../../etc/passwd"}, 400, "body.zone"),
        ({"weekly": [{"day": "moonday", "opens": "09:00", "closes": "10:00"}]}, 400,
         "body.weekly.0.day"),
        ({"weekly": [{"day": "monday", "opens": "9", "closes": "10:00"}]}, 400,
         "body.weekly.0.opens"),
        ({"weekly": [{"day": "monday", "opens": "22:00", "closes": "06:00"}]}, 400,
         "body.weekly.0.closes"),
        ({"weekly": [*FULL["weekly"], {"day": "monday", "opens": "11:59", "closes": "13:00"}]},
         400, "body.weekly.2.opens"),
        ({"holidays": [{"date": "2026-12-25"}, {"date": "2026-12-25"}]}, 400,
         "body.holidays.1.date"),
        ({"holidays": [{"date": "2026-02-30"}]}, 400, "body.holidays.0.date"),
        ({"holidays": [{"date": "2026-12-25", "spans": FULL["holidays"][0]["spans"] * 2}]}, 400,
         "body.holidays.0.spans.1.opens"),
    ],
)  # fmt: skip
async def test_mistake_is_told_next_to_its_field(
    api: Api, values: dict[str, Any], status: int, field: str
) -> None:
    answer = await api.ask("POST", "/hours", json={**FULL, **values})
    assert answer[0] == status, answer
    assert [detail["field"] for detail in answer[1]["error"]["details"]] == [field]
    assert await trail(api) == []


async def test_flow_may_ask_hours_of_the_tenant_and_no_others(api: Api) -> None:
    assert (await publish(api, asking("Office")))[0] == 200
    status, body = await publish(api, asking("ofice"))
    assert status == 422
    assert body["error"]["details"] == [
        {
            "field": "body.document",
            "message": "node 'a', calendar: there is no calendar 'ofice'; did you mean 'office'?",
            "code": "",
            "values": {},
        }
    ]


async def test_hours_that_a_published_flow_asks_stay_and_it_says_which(api: Api) -> None:
    path = f"/hours/{api.here.calendar.id}"
    await publish(api, asking("office"))
    refused: list[tuple[str, dict[str, Any], str]] = [
        ("DELETE", {}, "path.id"),
        ("PUT", {"json": {**FULL, "name": "renamed"}}, "body.name"),
    ]
    for method, how, field in refused:
        status, body = await api.ask(method, path, **how)
        assert (status, body["error"]["code"]) == (409, "CONFLICT")
        assert body["error"]["details"] == [
            {
                "field": field,
                "message": "the flow main uses it in node 'a'",
                "code": "flow_uses",
                "values": {"flow": "main", "node": "a"},
            },
        ]
    assert (await api.ask("PUT", path, json={**FULL, "name": "Office"}))[0] == 200
    # Hours of its own win, so that those of the tenant are not asked.
    await publish(api, asking("office", calendars={"office": {"weekly": {}}}))
    for method, how, _ in reversed(refused):
        assert (await api.ask(method, path, **how))[0] == 200
