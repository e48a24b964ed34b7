"""Two servers: one is the PBX that the other registers with, as a phone of it would."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.baresip import Baresip
from tests.support.running_server import PASSWORD, RunningServer

pytestmark = pytest.mark.acceptance

USER = "7000"
"""A phone of the PBX: the trunk's account."""
QUICK = "\n[trunks]\nping_seconds = 1\nretry_most_seconds = 1\nregistration_seconds = 30\n"


@asynccontextmanager
async def pbx_and_server(folder: Path) -> AsyncIterator[tuple[RunningServer, RunningServer]]:
    pbx = RunningServer(folder / "pbx")
    async with pbx, RunningServer(folder / "server", sip_extra=QUICK, second=True) as server:
        account = {"user": USER, "display": "Contact centre", "password": PASSWORD}
        status, body = await pbx.request("POST", "/phones", json=account)
        assert status == 201, body
        yield pbx, server


async def trunk(server: RunningServer) -> dict[str, Any]:
    return next(each for each in await server.get("/trunks") if each["name"] == "pbx")


async def until_trunk(
    server: RunningServer, condition: Callable[[dict[str, Any]], bool]
) -> dict[str, Any]:
    async with asyncio.timeout(20):
        while not condition(found := await trunk(server)):
            await asyncio.sleep(0.1)
    return found


async def add_trunk(server: RunningServer, pbx: RunningServer, **changes: object) -> None:
    values = {
        "name": "pbx",
        "target": f"sip:127.0.0.1:{pbx.sip_port}",
        "username": USER,
        "password": PASSWORD,
        "register": True,
        **changes,
    }
    status, body = await server.request("POST", "/trunks", json=values)
    assert status == 201, body


async def test_a02_registered_trunk_brings_and_takes_calls(tmp_path: Path) -> None:
    async with pbx_and_server(tmp_path) as (pbx, server):
        await add_trunk(server, pbx)
        found = await until_trunk(server, lambda each: bool(each["state"] == "up"))
        assert (found["registration"], found["state_detail"]) == ("registered", "")
        assert found["registered_until"] is not None
        await pbx.until_registered(USER)

        # What the PBX calls its phone comes here, for the number of that phone.
        echo = next(f for f in await server.get("/flows") if f["name"] == "echo")
        number = {"number": USER, "flow_id": echo["id"]}
        assert (await server.request("POST", "/numbers", json=number))[0] == 201
        account = pbx.account("outside", "regint=0").replace(";regint=60", "")
        number = {"number": "5009", "flow_id": await _passing_on(pbx)}
        assert (await pbx.request("POST", "/numbers", json=number))[0] == 201
        caller = Baresip(tmp_path / "caller", account, tone=440)
        await caller.start()
        await caller.dial(pbx.uri("5009"))
        await asyncio.wait_for(_until_live(server), 15)
        [call] = await server.get("/calls/live")
        assert (call["called"], call["direction"]) == (USER, "inbound")
        await caller.hang_up()
        await caller.stop()
        record = await server.until_record(USER)
        assert record["trunk_id"] == found["id"]

        status, body = await server.request("PUT", f"/trunks/{found['id']}", json={
            "name": "pbx", "target": found["target"], "username": USER,
        })  # fmt: skip
        assert (status, body["data"]["register"]) == (200, False)
        async with asyncio.timeout(10):
            while any(p["registered"] for p in await pbx.get("/phones") if p["user"] == USER):
                await asyncio.sleep(0.1)


async def test_a02_wrong_password_is_told_where_it_is_seen(tmp_path: Path) -> None:
    async with pbx_and_server(tmp_path) as (pbx, server):
        await add_trunk(server, pbx, password="not the one")
        found = await until_trunk(server, lambda each: bool(each["state"] == "down"))
        assert found["registration"] == "failed"
        assert found["state_detail"] == ("not registered: it refuses username or password (403)")
        assert "not the one" not in json.dumps(found) + server.log


async def test_a04_trunk_that_dies_is_seen_at_once_by_api_feed_and_metrics(tmp_path: Path) -> None:
    async with pbx_and_server(tmp_path) as (pbx, server):
        await add_trunk(server, pbx, register=False)
        await until_trunk(server, lambda each: bool(each["state"] == "up"))
        async with await server.feed() as feed:
            await pbx.kill()
            async with asyncio.timeout(30):
                while (told := json.loads(await feed.receive_str()))["type"] != "TrunkStateChanged":
                    pass
        assert (told["data"]["name"], told["data"]["state"]) == ("pbx", "down")
        found = await trunk(server)
        assert (found["state"], found["state_detail"]) == ("down", "it does not answer")
        figures = await server.metrics()
        assert [v for name, v in figures.items() if name.startswith("murima_trunk_up{")] == [0.0]
        await pbx.start()
        await until_trunk(server, lambda each: bool(each["state"] == "up"))


async def _until_live(server: RunningServer) -> None:
    while not await server.get("/calls/live"):
        await asyncio.sleep(0.05)


async def _passing_on(pbx: RunningServer) -> str:
    """A flow of the PBX that puts its callers through to the phone that is our trunk."""
    nodes = {
        "pass_on": {"kind": "transfer", "target": USER, "failed": "end"},
        "end": {"kind": "hangup"},
    }
    document = {"name": "pass on", "start": "pass_on", "nodes": nodes}
    flow = {"name": "pass on", "document": document}
    status, body = await pbx.request("POST", "/flows", json=flow)
    assert status == 201, body
    return str(body["data"]["id"])
