"""C06: what a device test found is kept with a verdict, for the agent and for supervisors."""

from typing import Any
from uuid import uuid4

import pytest

from casecore.permissions import Role
from tests.support.api import Api

GOOD = {
    "microphone": "there",
    "level": 0.6,
    "speaker": True,
    "round_trip_ms": 30.0,
    "loss_percent": 0.0,
    "jitter_ms": 4.0,
}


async def put(api: Api, **changes: Any) -> tuple[int, Any]:
    path = f"/agents/{api.here.agent.id}/device-test"
    return await api.ask("PUT", path, role=Role.AGENT, json={**GOOD, **changes})


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, "good"),
        ({"level": None}, "good"),
        ({"loss_percent": 2.0}, "fair"),
        ({"loss_percent": 6.0}, "poor"),
        ({"round_trip_ms": 900.0}, "poor"),
        ({"level": 0.05}, "failed"),
        ({"speaker": False}, "failed"),
        ({"microphone": "denied"}, "failed"),
        ({"loss_percent": None, "jitter_ms": None, "round_trip_ms": None}, "failed"),
    ],
)
async def test_c06_server_says_how_good_it_is(
    api: Api, changes: dict[str, Any], verdict: str
) -> None:
    status, body = await put(api, **changes)
    assert (status, body["data"]["verdict"]) == (200, verdict)


async def test_c06_agent_and_supervisor_see_the_last_one(api: Api) -> None:
    await put(api, loss_percent=6.0)
    _, body = await put(api)
    for role in (Role.AGENT, Role.SUPERVISOR, Role.ADMINISTRATOR):
        [shown] = await api.get("/device-tests", role=role)
        assert shown == body["data"]
    assert shown["mos"] >= 4.0
    assert await api.get("/device-tests", role=Role.VIEWER) == []
    stranger = api.headers(Role.AGENT, agent_id=uuid4())
    assert await api.get("/device-tests", role=None, headers=stranger) == []


async def test_c06_nobody_tests_for_somebody_else(api: Api) -> None:
    path = f"/agents/{api.here.agent.id}/device-test"
    assert (await api.ask("PUT", path, role=Role.SUPERVISOR, json=GOOD))[0] == 404
    wrong = {**GOOD, "level": 2}
    assert (await api.ask("PUT", path, role=Role.AGENT, json=wrong))[0] == 400
