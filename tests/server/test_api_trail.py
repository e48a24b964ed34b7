"""The audit trail is for administrators, newest first."""

import pytest

from casecore.permissions import Role
from tests.support.api import Api


async def test_newest_change_comes_first_and_says_who_did_what(api: Api) -> None:
    for name in ("one", "two"):
        await api.ask("POST", "/queues", json={"name": name, "skill": "sales"})
    status, body = await api.ask("GET", "/audit?limit=2")
    assert status == 200
    assert body["pagination"] == {"total": 3, "page": 1, "limit": 2, "pages": 2}
    newest, before = body["data"]
    assert (newest["seq"], newest["action"], newest["data"]["name"]) == (3, "queue_added", "two")
    assert before["data"]["name"] == "one"
    administrator = api.users[api.here.tenant_id, Role.ADMINISTRATOR]
    assert (newest["actor_id"], newest["actor"]) == (str(administrator), "anna")
    [oldest] = await api.get("/audit?limit=2&page=2")
    assert (oldest["actor_id"], oldest["actor"]) == (None, "server")
    assert [entry["seq"] for entry in await api.get("/audit?order=asc")] == [1, 2, 3]


@pytest.mark.parametrize("role", sorted(set(Role) - {Role.ADMINISTRATOR}))
async def test_nobody_else_reads_it(api: Api, role: Role) -> None:
    assert (await api.ask("GET", "/audit", role=role))[0] == 403
