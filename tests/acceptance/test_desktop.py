"""The agent desktop as its user sees it: real Chromiums, signed in, with microphones.

The names in brackets are rows of the feature list.
"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.acceptance.conftest import PhoneMaker
from tests.support.audio import read_channels, seconds_of_tone, share_of_tone, write_tone
from tests.support.baresip import Baresip
from tests.support.chromium import PROGRAM, browser
from tests.support.desk import Person
from tests.support.running_server import RunningServer

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.skipif(not PROGRAM.exists(), reason="Chromium is not installed here"),
]

CALLER, AGENT, SECOND = 440, 880, 1_320
ALL = frozenset({CALLER, AGENT, SECOND})


@pytest_asyncio.fixture
async def chromium(tmp_path: Path) -> AsyncIterator[Browser]:
    """With a microphone that says AGENT."""
    microphone = tmp_path / "voice.wav"
    write_tone(microphone, AGENT)
    async with browser(microphone) as launched:
        yield launched


async def dial_sales(server: RunningServer, phone: PhoneMaker) -> Baresip:
    """A caller who has chosen sales in the menu."""
    caller = await phone("outside", tone=CALLER, registered=False)
    await caller.dial(server.uri("5000"))
    await caller.wait_for("CALL_ESTABLISHED")
    await caller.press("1")
    return caller


async def test_c01_f11_agent_answers_talks_holds_and_wraps_up_by_keyboard(
    server: RunningServer, phone: PhoneMaker, chromium: Browser, tmp_path: Path
) -> None:
    """From signing in to wrapping up, without touching the mouse."""
    anna = await Person.at(server, chromium, "agent1")
    await anna.begin_shift("1001")
    caller = await dial_sales(server, phone)
    await expect(anna.incoming).to_contain_text("sales")
    await anna.page.keyboard.press("F2")
    await until_state(server, "talking")
    await anna.hears(CALLER, of=ALL)
    await asyncio.sleep(2.5)
    await anna.page.keyboard.press("F8")
    await until_held(server, held=True)
    await asyncio.sleep(0.5)
    await anna.page.keyboard.press("F8")
    await until_held(server, held=False)
    await anna.page.keyboard.press("F9")
    await caller.wait_for("CALL_CLOSED")
    await anna.sees("What became of it")
    await anna.page.get_by_label("Note").fill("Wants to be called back.")
    await anna.page.keyboard.press("Tab")
    await anna.button("Save").focus()
    await anna.page.keyboard.press("Enter")
    await anna.sees("Saved.")
    record = await server.until_record("5000")
    assert record["cause"] == "agent_hung_up"
    assert record["note"] == "Wants to be called back."
    await check_recording(server, record["recordings"], tmp_path / "call.wav")
    await caller.stop()
    [heard], rate = read_channels(caller.heard[0])
    assert seconds_of_tone(heard, rate, AGENT) >= 1


async def test_f02_agent_declines_and_the_next_one_is_rung(
    server: RunningServer, phone: PhoneMaker, chromium: Browser
) -> None:
    """Declining is an answer: the caller does not wait for the ringing to end."""
    second = await phone("1002", "answermode=auto", tone=SECOND)
    anna = await Person.at(server, chromium, "agent1")
    await anna.begin_shift("1001")
    await dial_sales(server, phone)
    await expect(anna.incoming).to_be_visible()
    await server.set_agent("1002", "available")
    await anna.page.keyboard.press("F9")
    await second.wait_for("CALL_ESTABLISHED")
    await expect(anna.incoming).to_be_hidden()


async def test_c07_tab_that_is_killed_while_it_rings_leaves_the_call_to_the_next(
    server: RunningServer, phone: PhoneMaker, chromium: Browser
) -> None:
    second = await phone("1002", "answermode=auto", tone=SECOND)
    anna = await Person.at(server, chromium, "agent1")
    await anna.begin_shift("1001")
    caller = await dial_sales(server, phone)
    await expect(anna.incoming).to_be_visible()
    await server.set_agent("1002", "available")
    # As if the browser crashed: nothing of the page runs any more, not even a farewell.
    await chromium.close()
    await second.wait_for("CALL_ESTABLISHED")
    await server.until_agent("1002", "engaged")
    assert (await server.agent("1001"))["state"] != "offered"
    await caller.hang_up()
    record = await server.until_record("5000")
    assert record["agent_id"] == (await server.agent("1002"))["id"]


async def test_f04_consultation_with_a_second_browser_ends_in_a_transfer(
    server: RunningServer, phone: PhoneMaker, chromium: Browser
) -> None:
    anna = await Person.at(server, chromium, "agent1")
    ben = await Person.at(server, chromium, "agent2", voice=SECOND)
    await ben.sees("Phone ready")
    await anna.begin_shift("1001")
    caller = await dial_sales(server, phone)
    await anna.press("Accept")
    await anna.hears(CALLER, of=ALL)

    await anna.press("Transfer")
    await anna.page.get_by_role("textbox", name="To").fill("1002")
    await anna.page.get_by_role("dialog").get_by_role("button").filter(has_text="· 1002").click()
    await anna.press("Consult first")
    await expect(ben.incoming).to_contain_text("asks you")
    await ben.press("Accept")
    await ben.hears(AGENT, of=ALL)
    await anna.hears(SECOND, of=ALL)
    await anna.press("Change between the two")
    await anna.sees("You talk with the other party; Ben Agent hears music.")
    await anna.hears(CALLER, of=ALL)
    await anna.press("Change between the two")
    await anna.hears(SECOND, of=ALL)
    await anna.press("Complete the transfer")
    await ben.hears(CALLER, of=ALL)
    await anna.sees("What became of it")
    await until_legs(server, "outside", "1002")
    await asyncio.sleep(1.5)
    await ben.press("Hang up")
    await caller.wait_for("CALL_CLOSED")
    await caller.stop()
    [heard], rate = read_channels(caller.heard[0])
    assert share_of_tone(heard[-rate:], rate, SECOND) > 0.7
    assert share_of_tone(heard[-rate:], rate, AGENT) < 0.05


async def test_c04_socket_that_drops_in_a_call_comes_back_and_nobody_hears_it(
    server: RunningServer, phone: PhoneMaker, chromium: Browser
) -> None:
    anna = await Person.at(server, chromium, "agent1")
    await anna.begin_shift("1001")
    caller = await dial_sales(server, phone)
    await anna.press("Accept")
    await anna.hears(CALLER, of=ALL)
    await anna.lose_network()
    await anna.sees("The phone has lost its connection.")
    await anna.hears(CALLER, of=ALL)
    await asyncio.sleep(3)
    [live] = await server.get("/calls/live")
    assert live["state"] == "talking"
    await anna.find_network()
    await anna.sees("Phone ready")
    await anna.hears(CALLER, of=ALL)
    # The buttons are those of the call again.
    await anna.press("Hold")
    await until_held(server, held=True)
    await anna.press("Resume")
    await until_held(server, held=False)
    await anna.press("Hang up")
    await caller.wait_for("CALL_CLOSED")


async def check_recording(
    server: RunningServer, recordings: list[dict[str, Any]], file: Path
) -> None:
    [recording] = recordings
    _, sound = await server.request("GET", f"/recordings/{recording['id']}/audio")
    await asyncio.to_thread(file.write_bytes, sound)
    (left, right), rate = read_channels(file)
    assert share_of_tone(left[rate : 2 * rate], rate, CALLER) > 0.8
    assert seconds_of_tone(right, rate, AGENT) >= 1, "what the browser's microphone heard"


async def until_state(server: RunningServer, state: str) -> None:
    async with asyncio.timeout(10):
        while [live["state"] for live in await server.get("/calls/live")] != [state]:
            await asyncio.sleep(0.1)


async def until_legs(server: RunningServer, *parties: str) -> None:
    """Until these are on the line, and nobody else."""
    async with asyncio.timeout(10):
        while True:
            [live] = await server.get("/calls/live")
            if {leg["party"] for leg in live["legs"]} == set(parties):
                return
            await asyncio.sleep(0.1)


async def until_held(server: RunningServer, *, held: bool) -> None:
    async with asyncio.timeout(5):
        while True:
            [live] = await server.get("/calls/live")
            if any(leg["is_held"] for leg in live["legs"]) is held:
                return
            await asyncio.sleep(0.1)
