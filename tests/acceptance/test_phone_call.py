"""A caller dials in, chooses from the menu, waits, and is answered by the right agent.

Two real phones; what is checked is what each of them heard.
"""

import asyncio
import wave
from pathlib import Path

import pytest

from tests.acceptance.conftest import PhoneMaker
from tests.support.audio import (
    level_db,
    read_channels,
    seconds_of_sound,
    seconds_of_tone,
    share_of_tone,
)
from tests.support.baresip import Baresip
from tests.support.running_server import RunningServer

pytestmark = pytest.mark.acceptance

CALLER, AGENT = 440, 880  # Hz, the voice of each


async def talk(
    server: RunningServer, phone: PhoneMaker, digit: str, extension: str, *, seconds: float = 3
) -> tuple[Baresip, Baresip]:
    """Dial 5000, press `digit`, be answered by `extension`, talk, and let the caller hang up."""
    agent = await phone(extension, "answermode=auto", tone=AGENT)
    caller = await phone("outside", tone=CALLER, registered=False)
    await server.set_agent(extension, "available")
    await caller.dial(server.uri("5000"))
    await caller.wait_for("CALL_ESTABLISHED")
    await asyncio.sleep(2)  # hear the greeting
    await caller.press(digit)
    await agent.wait_for("CALL_ESTABLISHED")
    await asyncio.sleep(seconds)
    await caller.hang_up()
    await agent.wait_for("CALL_CLOSED")
    return caller, agent


async def test_caller_and_agent_hear_each_other_and_the_call_is_on_record(
    server: RunningServer, phone: PhoneMaker
) -> None:
    caller, agent = await talk(server, phone, "2", "1002")
    record = await server.until_record("5000")
    await caller.stop()
    await agent.stop()

    [heard_by_caller], rate = read_channels(caller.heard[0])
    assert seconds_of_tone(heard_by_caller, rate, AGENT) >= 2
    greeting = heard_by_caller[: 2 * rate]
    assert seconds_of_sound(greeting, rate) >= 1
    assert share_of_tone(greeting, rate, AGENT) < 0.05, "the greeting comes before the agent"

    [heard_by_agent], rate = read_channels(agent.heard[0])
    assert seconds_of_tone(heard_by_agent, rate, CALLER) >= 2
    assert share_of_tone(heard_by_agent, rate, AGENT) < 0.02, "nobody hears an echo of himself"

    assert record["cause"] == "caller_hung_up"
    assert record["agent_id"] == (await server.agent("1002"))["id"]
    visits = record["queue_visits"]
    assert [(v["queue"], v["result"]) for v in visits] == [("support", "answered")]


async def test_f03_agent_is_free_again_once_it_is_said_what_became_of_the_call(
    server: RunningServer, phone: PhoneMaker
) -> None:
    [queue] = [q for q in await server.get("/queues") if q["name"] == "support"]
    path = f"/queues/{queue['id']}"
    settings = await server.get(path)
    del settings["id"]
    asking = {**settings, "disposition_required": True, "wrap_up_seconds": 0}
    status, answer = await server.request("PUT", path, json=asking)
    assert status == 200, answer
    await talk(server, phone, "2", "1002", seconds=0.5)
    record = await server.until_record("5000")
    agent = await server.agent("1002")
    assert (agent["state"], agent["disposition_due"]) == ("wrap_up", record["id"])
    state = f"/agents/{agent['id']}/state"
    status, answer = await server.request("PUT", state, json={"state": "available"}, user="agent2")
    assert (status, answer["error"]["code"]) == (409, "CONFLICT")
    codes = [each["code"] for each in await server.get("/dispositions")]
    said = {"disposition": codes[0], "note": ""}
    wrap_up = f"/calls/{record['id']}/wrap-up"
    status, answer = await server.request("PUT", wrap_up, json=said, user="agent2")
    assert status == 200, answer
    assert (await server.agent("1002"))["state"] == "available"
    assert (await server.agent("1002"))["disposition_due"] is None


async def test_recording_has_caller_left_and_agent_right(
    server: RunningServer, phone: PhoneMaker, tmp_path: Path
) -> None:
    await talk(server, phone, "1", "1001")
    record = await server.until_record("5000")
    [recording] = await server.get(f"/recordings?call_id={record['id']}")
    status, body = await server.request("GET", f"/recordings/{recording['id']}/audio")
    assert status == 200
    path = tmp_path / "recording.wav"
    path.write_bytes(body)
    (left, right), rate = read_channels(path)
    assert seconds_of_tone(left, rate, CALLER) >= 2
    assert seconds_of_tone(right, rate, AGENT) >= 2
    assert share_of_tone(left, rate, AGENT) < 0.02
    assert share_of_tone(right, rate, CALLER) < 0.02
    assert recording["channels"] == 2
    with wave.open(str(path)) as file:
        assert abs(file.getnframes() / 8 - recording["duration_ms"]) <= 20


async def test_nobody_chooses_and_the_third_try_leads_to_support(
    server: RunningServer, phone: PhoneMaker
) -> None:
    agent = await phone("1002", "answermode=auto", tone=AGENT)
    caller = await phone("outside", tone=CALLER, registered=False)
    await server.set_agent("1002", "available")
    await caller.dial(server.uri("5000"))
    await agent.wait_for("CALL_ESTABLISHED", seconds=60)
    await server.until_agent("1002", "engaged")
    await caller.hang_up()
    record = await server.until_record("5000")
    assert [v["queue"] for v in record["queue_visits"]] == ["support"]
    timeline = await server.get(f"/calls/{record['id']}/timeline")
    visited = [e["data"]["node"] for e in timeline if e["type"] == "FlowNodeEntered"]
    assert visited[0] == "greeting"
    assert visited[-1] == "support"


async def test_echo_number_returns_the_callers_own_voice(
    server: RunningServer, phone: PhoneMaker
) -> None:
    caller = await phone("outside", tone=CALLER, registered=False)
    await caller.dial(server.uri("5001"))
    await caller.wait_for("CALL_ESTABLISHED")
    await asyncio.sleep(7)
    await caller.hang_up()
    await caller.stop()
    [heard], rate = read_channels(caller.heard[0])
    assert seconds_of_tone(heard, rate, CALLER) >= 1.5


async def test_voicemail_keeps_what_the_caller_says_after_the_beep(
    server: RunningServer, phone: PhoneMaker, tmp_path: Path
) -> None:
    caller = await phone("outside", tone=CALLER, registered=False)
    await caller.dial(server.uri("5002"))
    await caller.wait_for("CALL_ESTABLISHED")
    await asyncio.sleep(12)
    await caller.hang_up()
    record = await server.until_record("5002")
    [recording] = await server.get(f"/recordings?call_id={record['id']}")
    assert recording["kind"] == "voicemail"
    status, body = await server.request("GET", f"/recordings/{recording['id']}/audio")
    assert status == 200
    path = tmp_path / "voicemail.wav"
    path.write_bytes(body)
    [message], rate = read_channels(path)
    assert seconds_of_tone(message, rate, CALLER) >= 2
    assert level_db(message) > -30


async def test_waiting_caller_hears_music_and_hanging_up_counts_as_abandoned(
    server: RunningServer, phone: PhoneMaker
) -> None:
    await server.set_agent("1001", "away", "lunch")
    caller = await phone("outside", tone=CALLER, registered=False)
    await caller.dial(server.uri("5000"))
    await caller.wait_for("CALL_ESTABLISHED")
    await asyncio.sleep(1)
    await caller.press("1")
    await asyncio.sleep(5)
    await caller.hang_up()
    record = await server.until_record("5000")
    await caller.stop()
    [heard], rate = read_channels(caller.heard[0])
    assert seconds_of_sound(heard[-3 * rate :], rate) >= 2, "music plays until the end"
    assert [(v["queue"], v["result"]) for v in record["queue_visits"]] == [("sales", "abandoned")]
    queue = next(q for q in await server.get("/queues") if q["name"] == "sales")
    assert (queue["waiting"], queue["abandoned"]) == (0, 1)


async def test_silent_phone_is_passed_over_and_its_agent_not_offered_again(
    server: RunningServer, phone: PhoneMaker
) -> None:
    silent = await phone("1002", "answermode=manual", tone=AGENT)
    await server.set_agent("1002", "available")
    caller = await phone("outside", tone=CALLER, registered=False)
    await caller.dial(server.uri("5000"))
    await caller.wait_for("CALL_ESTABLISHED")
    await asyncio.sleep(1)
    await caller.press("1")
    await silent.wait_for("CALL_INCOMING")
    await server.until_agent("1002", "not_responding", seconds=30)
    agent = await phone("1001", "answermode=auto", tone=AGENT)
    await server.set_agent("1001", "available")
    await agent.wait_for("CALL_ESTABLISHED")
    await server.until_agent("1001", "engaged")
    await caller.hang_up()
    record = await server.until_record("5000")
    assert record["agent_id"] == (await server.agent("1001"))["id"]
    assert silent.count("CALL_INCOMING") == 1


async def test_phone_toggles_its_agent_with_star_45(
    server: RunningServer, phone: PhoneMaker
) -> None:
    agent = await phone("1001", tone=AGENT)
    await server.set_agent("1001", "away")
    for state in ("available", "away"):
        await agent.dial(server.uri("*45"))
        await server.until_agent("1001", state)
        await agent.wait_for("CALL_CLOSED", count=1 if state == "available" else 2)
