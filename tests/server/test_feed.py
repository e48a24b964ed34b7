"""The live feed: a snapshot, then every later event the listener may see."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest_asyncio
from aiohttp import ClientWebSocketResponse, WSMsgType, web
from aiohttp.test_utils import TestClient, TestServer

from casecore.permissions import Role
from config.tenancy import TenantId
from routing.events import AgentId
from server.auth.principal import Principal
from server.auth.tokens import AccessTokens
from server.feed import UNAUTHENTICATED, EventFeed
from telephony.events import CallId
from telephony.trunk_status import RegistrationState, TrunkState, TrunkStateChanged
from tests.support.events import TENANT, call_ended, call_started, work_offered

ANNA = AgentId(UUID(int=11))
TOKENS = AccessTokens(b"k" * 32, lifetime=timedelta(minutes=5), admits=lambda _: True)


def token(
    role: Role, *, tenant_id: TenantId = TENANT, agent_id: AgentId | None = None, seconds: float = 0
) -> str:
    who = Principal(uuid4(), tenant_id, "x", role, agent_id)
    age = TOKENS.lifetime - timedelta(seconds=seconds) if seconds else timedelta()
    return TOKENS.issue(who, now=datetime.now(UTC) - age)


class Listening:
    def __init__(self) -> None:
        self.feed = EventFeed(TOKENS, lambda who: {"role": who.role})
        self.client: TestClient[web.Request, web.Application]

    async def join(self, bearer: str) -> tuple[ClientWebSocketResponse, dict[str, Any]]:
        headers = {"Authorization": f"Bearer {bearer}"}
        socket = await self.client.ws_connect("/ws", headers=headers)
        return socket, await socket.receive_json(timeout=5)


@pytest_asyncio.fixture
async def listening() -> AsyncIterator[Listening]:
    made = Listening()
    app = web.Application()
    app.router.add_get("/ws", made.feed.handle)
    async with TestClient(TestServer(app)) as made.client:
        yield made
        made.feed.close()


async def types_until_end(socket: ClientWebSocketResponse, count: int) -> list[str]:
    return [(await socket.receive_json(timeout=5))["type"] for _ in range(count)]


async def test_snapshot_comes_first_and_numbers_have_no_gap(listening: Listening) -> None:
    listening.feed.publish(call_started())
    socket, first = await listening.join(token(Role.SUPERVISOR))
    assert (first["type"], first["sequence"]) == ("Snapshot", 1)
    assert first["data"] == {"role": "supervisor"}
    for _ in range(3):
        listening.feed.publish(call_started())
    numbers = [(await socket.receive_json(timeout=5))["sequence"] for _ in range(3)]
    assert numbers == [2, 3, 4]


async def test_tenants_never_hear_one_another(listening: Listening) -> None:
    other = TenantId(uuid4())
    socket, first = await listening.join(token(Role.ADMINISTRATOR, tenant_id=other))
    assert first["sequence"] == 0
    listening.feed.publish(call_started())
    listening.feed.publish(call_started(tenant_id=other, caller="ours"))
    heard = await socket.receive_json(timeout=5)
    assert (heard["sequence"], heard["data"]["caller"]) == (1, "ours")


async def test_agent_hears_of_own_calls_only(listening: Listening) -> None:
    socket, _ = await listening.join(token(Role.AGENT, agent_id=ANNA))
    own, foreign = CallId(uuid4()), CallId(uuid4())
    listening.feed.publish(work_offered(foreign, AgentId(uuid4())))
    listening.feed.publish(call_ended(foreign))
    listening.feed.publish(work_offered(own, ANNA))
    listening.feed.publish(call_ended(own))
    heard = [await socket.receive_json(timeout=5) for _ in range(2)]
    assert [h["type"] for h in heard] == ["WorkOffered", "CallEnded"]
    assert heard[1]["data"]["call_id"] == str(own)
    assert listening.feed._agents_of_call == {}


async def test_a04_trunk_is_told_of_to_those_who_see_the_configuration(
    listening: Listening,
) -> None:
    fact = TrunkStateChanged(
        tenant_id=TENANT,
        at=datetime(2026, 11, 20, 12, 0, tzinfo=UTC),
        trunk_id=UUID(int=9),
        name="pbx",
        state=TrunkState.DOWN,
        previous=TrunkState.UP,
        registration=RegistrationState.OFF,
        detail="it does not answer",
    )
    supervisor, _ = await listening.join(token(Role.SUPERVISOR))
    viewer, _ = await listening.join(token(Role.VIEWER))
    for event in (fact, call_started()):
        listening.feed.publish(event)
    heard = await supervisor.receive_json(timeout=5)
    assert (heard["type"], heard["data"]["state"], heard["data"]["detail"]) == (
        *("TrunkStateChanged", "down", "it does not answer"),
    )
    assert await types_until_end(viewer, 1) == ["CallStarted"]


async def test_browser_signs_in_by_its_first_message(listening: Listening) -> None:
    socket = await listening.client.ws_connect("/ws")
    await socket.send_str(json.dumps({"token": token(Role.VIEWER)}))
    assert (await socket.receive_json(timeout=5))["type"] == "Snapshot"


async def test_stranger_is_turned_away(listening: Listening) -> None:
    for message in ('{"token":"x"}', "[]", "not json", "{}"):
        socket = await listening.client.ws_connect("/ws")
        await socket.send_str(message)
        closed = await socket.receive(timeout=5)
        assert (closed.type, socket.close_code) == (WSMsgType.CLOSE, UNAUTHENTICATED)
    async with asyncio.timeout(5):
        while listening.feed.subscribers:
            await asyncio.sleep(0)


async def test_feed_ends_with_the_token(listening: Listening) -> None:
    socket, _ = await listening.join(token(Role.VIEWER, seconds=1.5))
    assert (await socket.receive(timeout=5)).type is WSMsgType.CLOSE
    assert socket.close_code == UNAUTHENTICATED


async def test_listener_that_lags_is_cut_off_instead_of_filling_memory(
    listening: Listening,
) -> None:
    socket, _ = await listening.join(token(Role.VIEWER))
    for _ in range(1_500):
        listening.feed.publish(call_started())
    received = 0
    async with asyncio.timeout(10):
        while (await socket.receive()).type is WSMsgType.TEXT:
            received += 1
    assert received == 1_000
    assert socket.close_code == 1013
