"""Nothing is removed that something depends on, and nothing new leads nowhere."""

from typing import Any

import pytest

from casecore.permissions import Role
from tests.support.api import Api

GOODBYE: dict[str, Any] = {"name": "x", "start": "a", "nodes": {"a": {"kind": "hangup"}}}


def transfer(target: str) -> dict[str, Any]:
    return {
        "name": "x",
        "start": "a",
        "nodes": {
            "a": {"kind": "transfer", "target": target, "failed": "b"},
            "b": {"kind": "hangup"},
        },
    }


async def publish(api: Api, document: dict[str, Any]) -> tuple[int, Any]:
    return await api.ask("PUT", f"/flows/{api.here.flow.id}", json={"document": document})


def told(body: Any) -> list[tuple[str, str]]:
    return [(detail["field"], detail["code"]) for detail in body["error"]["details"]]


@pytest.mark.parametrize(
    ("number", "code"),
    [
        ("5000", "is_number"),
        ("+49301", "is_number"),
        ("0049301", "is_number"),
        ("1001", "is_phone"),
    ],
)
async def test_number_that_is_dialled_as_something_else_is_refused(
    api: Api, number: str, code: str
) -> None:
    flow_id = str(api.here.flow.id)
    await api.ask("POST", "/numbers", json={"number": "+49301", "flow_id": flow_id})
    status, body = await api.ask("POST", "/numbers", json={"number": number, "flow_id": flow_id})
    assert (status, told(body)) == (409, [("body.number", code)])
    assert len(await api.get("/numbers")) == 2


async def test_flow_to_a_queue_that_is_not_there_is_refused_with_the_node(api: Api) -> None:
    document = {
        "name": "x",
        "start": "a",
        "nodes": {
            "a": {"kind": "queue", "queue": "SALES", "timeout": "b", "max_wait_seconds": 9},
            "b": {"kind": "queue", "queue": "salse", "timeout": "c", "max_wait_seconds": 9},
            "c": {"kind": "queue", "queue": "{chosen}"},
        },
    }
    for status, body in (
        await publish(api, document),
        await api.ask("POST", "/flows", json={"name": "new", "document": document}),
    ):
        assert status == 422
        assert [d["message"] for d in body["error"]["details"]] == [
            "node 'b', queue: there is no queue 'salse'; did you mean 'sales'?"
        ]
        assert body["error"]["details"][0]["values"] == {"node": "b", "queue": "salse"}
    assert [flow["name"] for flow in await api.get("/flows")] == ["main"]


async def test_flow_that_a_number_leads_to_stays_and_it_says_which(api: Api) -> None:
    path = f"/flows/{api.here.flow.id}"
    status, body = await api.ask("DELETE", path)
    assert (status, told(body)) == (409, [("path.id", "number_leads")])
    assert body["error"]["details"][0]["message"] == "the number 5000 leads to it"
    await api.ask("DELETE", "/numbers/5000")
    assert (await api.ask("DELETE", path))[0] == 200
    assert (await api.ask("DELETE", path))[0] == 404


async def test_who_a_flow_transfers_to_stays(api: Api) -> None:
    agent, flow_id = f"/agents/{api.here.agent.id}", str(api.here.flow.id)
    await publish(api, transfer("1001"))
    _, body = await api.ask("DELETE", agent)
    assert ("path.id", "flow_leads") in told(body)
    status, body = await api.ask("PUT", agent, json={"name": "Anna", "extension": "1077"})
    assert (status, told(body)) == (409, [("body.extension", "flow_leads")])
    await api.ask("POST", "/numbers", json={"number": "+49301", "flow_id": flow_id})
    await publish(api, transfer("0049 301"))
    status, body = await api.ask("DELETE", "/numbers/+49301")
    assert (status, told(body)) == (409, [("path.number", "flow_leads")])


async def test_only_trunk_that_goes_out_stays_as_long_as_a_flow_needs_one(api: Api) -> None:
    path = f"/trunks/{api.here.trunk.id}"
    await api.ask("PUT", path, json={"name": "pbx", "target": "sip:192.0.2.7"})
    await publish(api, transfer("+4930777"))
    status, body = await api.ask("DELETE", path)
    assert (status, told(body)) == (409, [("path.id", "only_way_out")])
    assert "+4930777" in body["error"]["details"][0]["message"]
    await api.ask("POST", "/trunks", json={"name": "second", "target": "sip:192.0.2.8"})
    assert (await api.ask("DELETE", path))[0] == 200


async def test_lists_are_searched_by_any_part_of_a_name(api: Api) -> None:
    for login, display in (("ab_c", "Zoe"), ("abxc", "Yan")):
        user = {"login": login, "display": display, "role": "viewer", "password": "long enough"}
        assert (await api.ask("POST", "/users", json=user))[0] == 201
    assert [u["login"] for u in await api.get("/users?q=AB_")] == ["ab_c"]
    assert [u["login"] for u in await api.get("/users?q=yAn")] == ["abxc"]
    assert [n["number"] for n in await api.get("/numbers?q=main")] == ["5000"]
    assert await api.get("/numbers?q=51") == []
    assert [a["extension"] for a in await api.get("/agents?q=ann")] == ["1001"]
    assert await api.get("/agents?q=ben") == []


async def test_trail_is_filtered_by_who_what_and_when(api: Api) -> None:
    for name in ("first", "second"):
        await api.ask("POST", "/queues", json={"name": name, "skill": "sales"})
    assert [e["action"] for e in await api.get("/audit?actor=serv")] == ["made"]
    assert [e["data"]["name"] for e in await api.get("/audit?action=queue_")] == ["second", "first"]
    [entry] = await api.get("/audit?q=secon")
    assert entry["data"]["name"] == "second"
    assert await api.get("/audit?until=2020-01-01T00:00:00Z") == []
    assert len(await api.get("/audit?since=2020-01-01T00:00:00Z")) == 3


async def test_mistake_has_a_code_and_its_limits_but_nothing_of_what_was_sent(api: Api) -> None:
    user = {"login": "x", "display": "X", "role": "king", "password": "hush"}
    status, body = await api.ask("POST", "/users", json=user)
    assert status == 400
    details = {detail["field"]: detail for detail in body["error"]["details"]}
    assert details["body.password"]["code"] == "too_short"
    assert details["body.password"]["values"] == {"min_length": 8}
    assert details["body.role"]["values"] == {}
    assert "king" not in str(body)
    assert "hush" not in str(body)


async def test_network_that_is_none_is_told_by_its_place_in_the_list(api: Api) -> None:
    for wrong in ("nonsense", "192.0.2.5/24", "::/129"):
        trunk = {"name": "new", "networks": ["192.0.2.0/24", "2001:db8::/32", wrong]}
        status, body = await api.ask("POST", "/trunks", json=trunk)
        assert (status, told(body)) == (400, [("body.networks.2", "value_error")])
        assert wrong not in str(body)


async def test_trunk_says_whether_it_has_a_password(api: Api) -> None:
    path = f"/trunks/{api.here.trunk.id}"
    for password, has in (("secret", True), (None, False)):
        _, body = await api.ask("PUT", path, json={"name": "pbx", "password": password})
        assert body["data"]["has_password"] is has
    [trunk] = await api.get("/trunks", role=Role.SUPERVISOR)
    assert trunk["has_password"] is False
