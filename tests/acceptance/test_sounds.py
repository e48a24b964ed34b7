"""What administrators upload and set is what callers hear, from the next call on."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.conftest import PhoneMaker
from tests.support.audio import encoded_tone, places_of_tone, read_channels, seconds_of_tone
from tests.support.running_server import RunningServer

pytestmark = pytest.mark.acceptance

CALLER, AGENT, MUSIC, OPEN, CLOSED = 440, 880, 620, 1_240, 1_730  # Hz


async def uploaded(
    server: RunningServer, path: Path, tone: int, *, name: str, kind: str, seconds: float
) -> str:
    """Id of a new sound; the suffix of `path` says how it is encoded."""
    content = encoded_tone(path, tone, seconds=seconds).read_bytes()
    status, body = await server.request("POST", f"/sounds?name={name}&kind={kind}", file=content)
    assert status == 201, body
    return str(body["data"]["id"])


async def set_music(server: RunningServer, queue: str, music: str) -> None:
    [id] = [each["id"] for each in await server.get("/queues") if each["name"] == queue]
    values = await server.get(f"/queues/{id}")
    del values["id"]
    status, body = await server.request("PUT", f"/queues/{id}", json={**values, "music": music})
    assert status == 200, body


async def test_b08_uploaded_mp3_is_heard_while_waiting_and_on_hold(
    server: RunningServer, phone: PhoneMaker, tmp_path: Path
) -> None:
    file = tmp_path / "music.mp3"
    music = await uploaded(server, file, MUSIC, name="tone", kind="music", seconds=5)
    await set_music(server, "support", music)
    agent = await phone("1002", "answermode=auto", tone=AGENT)
    caller = await phone("outside", tone=CALLER, registered=False)
    await caller.dial(server.uri("5000"))
    await caller.wait_for("CALL_ESTABLISHED")
    await asyncio.sleep(2)  # hear the greeting
    await caller.press("2")
    await asyncio.sleep(4)  # wait in the queue
    await server.set_agent("1002", "available")
    await agent.wait_for("CALL_ESTABLISHED")
    await server.until_agent("1002", "engaged")
    await asyncio.sleep(1.5)
    [live] = await server.get("/calls/live")
    hold = f"/calls/live/{live['id']}/hold"
    status, body = await server.request("POST", hold, user="agent2", json={"held": True})
    assert status == 200, body
    await asyncio.sleep(3)
    await caller.hang_up()
    await caller.stop()
    [heard], rate = read_channels(caller.heard[0])
    talk = _first_of(heard, rate, AGENT)
    assert seconds_of_tone(heard[:talk], rate, MUSIC) >= 2
    assert seconds_of_tone(heard[talk:], rate, MUSIC) >= 1.5


async def test_b08_flow_plays_sounds_by_hours_that_count_for_the_next_caller(
    server: RunningServer, phone: PhoneMaker, tmp_path: Path
) -> None:
    for name, tone, kind in (("open", OPEN, "ogg"), ("closed", CLOSED, "wav")):
        file = tmp_path / f"{name}.{kind}"
        await uploaded(server, file, tone, name=name, kind="announcement", seconds=2)
    never: dict[str, Any] = {"name": "Front desk", "zone": "Europe/Berlin"}
    status, body = await server.request("POST", "/hours", json=never)
    assert (status, body["data"]["open_now"]) == (201, False)
    hours = f"/hours/{body['data']['id']}"
    ask = {"kind": "hours", "calendar": "front desk", "open": "open", "closed": "closed"}
    plays = {name: {"kind": "hangup", "prompts": [{"sound": name}]} for name in ("open", "closed")}
    document = {"name": "desk", "start": "ask", "nodes": {"ask": ask, **plays}}
    status, body = await server.request(
        "POST", "/flows", json={"name": "desk", "document": document}
    )
    assert status == 201, body
    number = {"number": "5003", "flow_id": body["data"]["id"]}
    assert (await server.request("POST", "/numbers", json=number))[0] == 201

    caller = await phone("outside", tone=CALLER, registered=False)
    await _listen(server, caller, "5003")
    days = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
    always = [{"day": day, "opens": "00:00", "closes": "00:00"} for day in days]
    status, body = await server.request("PUT", hours, json={**never, "weekly": always})
    assert (status, body["data"]["open_now"]) == (200, True)
    await _listen(server, caller, "5003")
    await caller.stop()
    for heard_in, tone, other in zip(caller.heard, (CLOSED, OPEN), (OPEN, CLOSED), strict=True):
        [heard], rate = read_channels(heard_in)
        assert seconds_of_tone(heard, rate, tone) >= 1
        assert seconds_of_tone(heard, rate, other) == 0


async def _listen(server: RunningServer, caller: Any, number: str) -> None:
    """Call, and stay until the flow hangs up."""
    closed = caller.count("CALL_CLOSED")
    await caller.dial(server.uri(number))
    await caller.wait_for("CALL_CLOSED", count=closed + 1, seconds=20)


def _first_of(heard: Any, rate: int, tone: int) -> int:
    """The sample at which the tone is heard first."""
    return places_of_tone(heard, rate, tone)[0]
