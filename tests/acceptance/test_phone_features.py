"""What phones can do with one another and with the server, checked by ear."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.conftest import PeerMaker, PhoneMaker
from tests.support.audio import (
    places_of_tone,
    read_channels,
    seconds_of_sound,
    seconds_of_tone,
)
from tests.support.running_server import PASSWORD, RunningServer
from tests.support.sip_socket import SipSocket, offer
from tests.support.sipp import run_sipp

pytestmark = pytest.mark.acceptance


async def test_phones_call_one_another(server: RunningServer, phone: PhoneMaker) -> None:
    anna = await phone("1001", tone=440)
    ben = await phone("1002", "answermode=auto", tone=880)
    await anna.dial(server.uri("1002"))
    await anna.wait_for("CALL_ESTABLISHED")
    await asyncio.sleep(4)
    await anna.hang_up()
    await ben.wait_for("CALL_CLOSED")
    record = await server.until_record("1002")
    assert (record["direction"], record["cause"]) == ("internal", "caller_hung_up")
    await anna.stop()
    await ben.stop()
    for listener, tone in ((anna, 880), (ben, 440)):
        [heard], rate = read_channels(listener.heard[0])
        assert seconds_of_tone(heard, rate, tone) >= 1.5


async def test_phone_that_does_not_answer_stops_ringing_when_the_caller_gives_up(
    server: RunningServer, phone: PhoneMaker
) -> None:
    anna = await phone("1001", tone=440)
    ben = await phone("1002", "answermode=manual", tone=880)
    await anna.dial(server.uri("1002"))
    await ben.wait_for("CALL_INCOMING")
    await anna.hang_up()
    await ben.wait_for("CALL_CLOSED")
    assert (await server.until_record("1002"))["cause"] == "cancelled"
    assert await server.get("/calls/live") == []


async def test_who_is_put_on_hold_hears_music_until_resumed(
    server: RunningServer, phone: PhoneMaker
) -> None:
    anna = await phone("1001", tone=440)
    ben = await phone("1002", "answermode=auto", tone=880)
    await anna.dial(server.uri("1002"))
    await anna.wait_for("CALL_ESTABLISHED")
    await asyncio.sleep(2)
    await anna.command("hold")
    await asyncio.sleep(3)
    [live] = await server.get("/calls/live")
    assert [leg["is_held"] for leg in live["legs"]] == [True, False]
    await anna.command("resume")
    await asyncio.sleep(2)
    await anna.hang_up()
    await ben.wait_for("CALL_CLOSED")
    await ben.stop()
    [heard], rate = read_channels(ben.heard[0])
    talking = places_of_tone(heard, rate, 440)
    before, after = heard[: talking[0] + rate], heard[talking[-1] - rate // 2 :]
    assert seconds_of_tone(before, rate, 440) >= 0.5
    assert seconds_of_tone(after, rate, 440) >= 0.4, "resumed"
    between = heard[talking[0] : talking[-1]]
    music = seconds_of_sound(between, rate) - seconds_of_tone(between, rate, 440)
    assert music >= 1, "on hold"


async def test_call_asked_for_by_rest_joins_both(server: RunningServer, phone: PhoneMaker) -> None:
    anna = await phone("1001", "answermode=auto", tone=440)
    ben = await phone("1002", "answermode=auto", tone=880)
    status, body = await server.request("POST", "/calls", user="agent1", json={"to": "1002"})
    assert status == 201, body
    await ben.wait_for("CALL_ESTABLISHED")
    await asyncio.sleep(2)
    status, _ = await server.request(
        "DELETE", f"/calls/live/{body['data']['id']}", user="supervisor"
    )
    assert status == 200
    await anna.wait_for("CALL_CLOSED")
    await ben.wait_for("CALL_CLOSED")
    record = await server.until_record("1002")
    assert (record["direction"], record["cause"]) == ("outbound", "supervisor")
    await anna.stop()
    [heard], rate = read_channels(anna.heard[0])
    assert seconds_of_tone(heard, rate, 880) >= 1


async def test_feed_tells_the_story_of_a_call_in_order(
    server: RunningServer, phone: PhoneMaker
) -> None:
    feed = await server.feed()
    first = await feed.receive_json(timeout=5)
    assert first["type"] == "Snapshot"
    assert {agent["extension"] for agent in first["data"]["agents"]} == {"1001", "1002"}
    caller = await phone("outside", tone=440, registered=False)
    await caller.dial(server.uri("5001"))
    await caller.wait_for("CALL_ESTABLISHED")
    await asyncio.sleep(1)  # the flow begins
    await caller.hang_up()
    told: list[dict[str, Any]] = []
    while not told or told[-1]["type"] != "CallEnded":
        told.append(await feed.receive_json(timeout=5))
    assert [event["type"] for event in told] == [
        "CallStarted",
        "LegStarted",
        "LegAnswered",
        "CallAnswered",
        "FlowStarted",
        "FlowNodeEntered",
        "LegEnded",
        "CallEnded",
    ]
    numbers = [event["sequence"] for event in told]
    assert numbers == list(range(first["sequence"] + 1, first["sequence"] + 9))
    await feed.close()


async def test_calls_come_over_tcp_as_well(server: RunningServer, tmp_path: Path) -> None:
    result = await run_sipp(
        tmp_path / "tcp",
        "random_caller.xml",
        server.sip,
        *("-s", "5000"),
        calls=5,
        rate=5,
        transport="t1",
    )
    assert (result.successful, result.failed) == (5, 0), result.unexpected


async def test_one_call_too_many_is_asked_to_come_back(
    tmp_path: Path,
) -> None:
    async with RunningServer(tmp_path / "small", sip_extra="max_calls = 1") as small:
        first = await SipSocket.open(small.sip)
        second = await SipSocket.open(small.sip)
        body = offer("127.0.0.1", 40_000)
        first.send(first.request("INVITE", small.uri("5001"), body=body, call_id="one"))
        assert await first.final_status() == 200
        second.send(second.request("INVITE", small.uri("5001"), body=body, call_id="two"))
        answer = None
        while answer is None or answer.startswith(b"SIP/2.0 1"):
            answer = await second.answer()
            assert answer is not None
        assert answer.startswith(b"SIP/2.0 503")
        assert b"Retry-After:" in answer
        first.close()
        second.close()


async def test_agent_cannot_pass_as_somebody_else(
    server: RunningServer, peer_at: PeerMaker
) -> None:
    """An address that is no trunk must prove who calls before anything rings."""
    stranger = await peer_at("127.0.0.2")
    stranger.send(
        stranger.request("INVITE", server.uri("*45"), user="1001", body=offer("127.0.0.2", 40_000))
    )
    assert await stranger.final_status() == 401
    assert await server.get("/calls/live") == []


async def test_phone_is_unreachable_as_soon_as_its_connection_is_gone(
    server: RunningServer, tmp_path: Path
) -> None:
    """SIPp registers over TCP, and its connection closes when it ends."""
    result = await run_sipp(
        tmp_path / "register",
        "register.xml",
        server.sip,
        *("-s", "1002", "-au", "1002", "-ap", PASSWORD),
        transport="t1",
    )
    assert result.successful == 1, result.unexpected
    async with asyncio.timeout(5):
        while any(phone["registered"] for phone in await server.get("/phones")):
            await asyncio.sleep(0.05)
    assert not (await server.agent("1002"))["reachable"]
