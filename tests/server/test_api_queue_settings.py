"""Queues are set up by administrators, and stay as long as a flow leads to them."""

from typing import Any
from uuid import UUID

import pytest

from casecore.paging import Page
from casecore.permissions import Role
from casecore.store import audit
from tests.support.api import Api

FULL = {
    "name": "night",
    "skill": "support",
    "minimum_level": 3,
    "priority": 5,
    "ring_seconds": 12.5,
    "wrap_up_seconds": 0.0,
    "announce_every_seconds": 0.0,
    "max_waiting": 7,
    "max_wait_seconds": 300.0,
    "service_level_seconds": 30.0,
    "service_level_target": 90.0,
    "short_abandon_seconds": 0.0,
    "time_zone": "Europe/Berlin",
    "auto_answer": True,
    "disposition_required": True,
    "disposition_seconds": 600.0,
}
TO_SALES = {
    "name": "x",
    "start": "a",
    "nodes": {"a": {"kind": "queue", "queue": "Sales"}},
}


async def trail(api: Api) -> list[tuple[str, str]]:
    async with api.database.tenant_tx(api.here.tenant_id) as db:
        rows = await audit.list_audit(db, api.here.tenant_id, Page(100, order="asc"))
    return [(row.action, row.subject) for row in rows.items[1:]]


async def test_every_field_is_kept(api: Api) -> None:
    full = {**FULL, "music": str(api.here.music.id)}
    status, body = await api.ask("POST", "/queues", json=full)
    assert status == 201
    id = body["data"]["id"]
    assert body["data"] == {"id": id, **full}
    assert await api.get(f"/queues/{id}", role=Role.SUPERVISOR) == {"id": id, **full}
    status, body = await api.ask("PUT", f"/queues/{id}", json={"name": "Day", "skill": "day"})
    assert (status, body["data"]["ring_seconds"], body["data"]["max_wait_seconds"]) == (
        *(200, 20.0, None),
    )
    assert (await api.ask("DELETE", f"/queues/{id}"))[0] == 200
    assert (await api.ask("GET", f"/queues/{id}"))[0] == 404
    assert await trail(api) == [(f"queue_{what}", id) for what in ("added", "changed", "removed")]
    assert api.live.reloads == [api.here.tenant_id] * 3


async def test_queue_that_a_published_flow_leads_to_stays_and_it_says_which(api: Api) -> None:
    path, values = f"/queues/{api.here.queue.id}", {"name": "sales", "skill": "sales"}
    await api.ask("PUT", f"/flows/{api.here.flow.id}", json={"document": TO_SALES})
    refused: list[tuple[str, dict[str, Any], str]] = [
        ("DELETE", {}, "path.id"),
        ("PUT", {"json": {**values, "name": "renamed"}}, "body.name"),
    ]
    for method, how, field in refused:
        status, body = await api.ask(method, path, **how)
        assert (status, body["error"]["code"]) == (409, "CONFLICT")
        assert body["error"]["details"] == [
            {
                "field": field,
                "message": "the flow main leads to it",
                "code": "flow_leads",
                "values": {"flow": "main"},
            },
        ]
    assert (await api.ask("PUT", path, json={**values, "priority": 3}))[0] == 200
    hang_up = {"name": "x", "start": "a", "nodes": {"a": {"kind": "hangup"}}}
    await api.ask("PUT", f"/flows/{api.here.flow.id}", json={"document": hang_up})
    for method, how, _ in reversed(refused):
        assert (await api.ask(method, path, **how))[0] == 200


@pytest.mark.parametrize(
    ("values", "status", "field"),
    [
        ({"name": "SALES"}, 409, "body.name"),
        ({"minimum_level": 6}, 400, "body.minimum_level"),
        ({"ring_seconds": 0}, 400, "body.ring_seconds"),
        ({"max_waiting": -1}, 400, "body.max_waiting"),
        ({"max_wait_seconds": 0}, 400, "body.max_wait_seconds"),
        ({"music": "../../etc"}, 400, "body.music"),
        ({"music": str(UUID(int=7))}, 422, "body.music"),
        ({"service_level_seconds": 0}, 400, "body.service_level_seconds"),
        ({"service_level_target": 101}, 400, "body.service_level_target"),
        ({"short_abandon_seconds": -1}, 400, "body.short_abandon_seconds"),
        ({"time_zone": "Mars/Olympus"}, 400, "body.time_zone"),
        ({"disposition_seconds": 29}, 400, "body.disposition_seconds"),
        ({"skill": ""}, 400, "body.skill"),
    ],
)
async def test_mistake_is_told_next_to_its_field(
    api: Api, values: dict[str, Any], status: int, field: str
) -> None:
    answer = await api.ask("POST", "/queues", json={**FULL, **values})
    assert answer[0] == status
    assert [detail["field"] for detail in answer[1]["error"]["details"]] == [field]
    assert await trail(api) == []
