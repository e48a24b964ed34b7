"""The agent desktop as its user sees it: a real Chromium, signed in, with a microphone.

The names in brackets are rows of the feature list: C01 softphone, C02 incoming call, C04 hold.
"""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.conftest import PhoneMaker
from tests.support.audio import read_channels, seconds_of_tone, share_of_tone, write_tone
from tests.support.chromium import PROGRAM, Page, opened_at
from tests.support.running_server import PASSWORD, RunningServer

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.skipif(not PROGRAM.exists(), reason="Chromium is not installed here"),
]

VOICE = 880
SAYS = "document.body.innerText.includes({!r})"


async def sign_in(page: Page, login: str) -> None:
    await page.until("document.querySelectorAll('input').length >= 2")
    await page.type_into("input:not([type=password])", login)
    await page.type_into("input[type=password]", PASSWORD)
    await page.press("Enter")


async def test_agent_answers_talks_holds_and_hangs_up_by_keyboard(
    server: RunningServer, phone: PhoneMaker, tmp_path: Path
) -> None:
    """[C01, C02, C04] From signing in to wrapping up, without touching the mouse."""
    microphone = tmp_path / "voice.wav"
    write_tone(microphone, VOICE)
    caller = await phone("outside", tone=440, registered=False)
    url = f"http://127.0.0.1:{server.http_port}/"
    async with opened_at(url, tmp_path, microphone=microphone) as page:
        await sign_in(page, "agent1")
        await page.until(SAYS.format("Phone ready"))
        await server.set_agent("1001", "available")
        await page.until(SAYS.format("Available"))
        await caller.dial(server.uri("5000"))
        await caller.wait_for("CALL_ESTABLISHED")
        await caller.press("1")
        await page.until("!!document.querySelector('[role=alertdialog]')")
        card = await page.evaluate("document.querySelector('[role=alertdialog]').innerText")
        assert "sales" in card
        await page.press("F2")
        await caller_hears(server)
        await asyncio.sleep(2.5)
        await page.press("F8")
        await until_held(server, held=True)
        await asyncio.sleep(0.5)
        await page.press("F8")
        await until_held(server, held=False)
        await page.press("F9")
        await caller.wait_for("CALL_CLOSED")
        await page.until(SAYS.format("What became of it"))
        await page.type_into("textarea", "Wants to be called back.")
        await page.evaluate("document.querySelector('.wrapup [type=submit]').click()")
        await page.until(SAYS.format("Saved."))
    record = await server.until_record("5000")
    assert record["cause"] == "agent_hung_up"
    assert record["note"] == "Wants to be called back."
    await check_recording(server, record["recordings"], tmp_path / "call.wav")
    await caller.stop()
    [heard], rate = read_channels(caller.heard[0])
    assert seconds_of_tone(heard, rate, VOICE) >= 1


async def test_agent_declines_and_the_next_one_is_rung(
    server: RunningServer, phone: PhoneMaker, tmp_path: Path
) -> None:
    """[C02] Declining is an answer: the caller does not wait for the ringing to end."""
    microphone = tmp_path / "voice.wav"
    write_tone(microphone, VOICE)
    caller = await phone("outside", tone=440, registered=False)
    second = await phone("1002", "answermode=auto", tone=660)
    url = f"http://127.0.0.1:{server.http_port}/"
    async with opened_at(url, tmp_path, microphone=microphone) as page:
        await sign_in(page, "agent1")
        await page.until(SAYS.format("Phone ready"))
        await server.set_agent("1001", "available")
        await server.set_agent("1002", "available")
        await caller.dial(server.uri("5000"))
        await caller.wait_for("CALL_ESTABLISHED")
        await caller.press("1")
        await page.until("!!document.querySelector('[role=alertdialog]')")
        await page.press("F9")
        await second.wait_for("CALL_ESTABLISHED")
        await page.until("!document.querySelector('[role=alertdialog]')")


async def check_recording(
    server: RunningServer, recordings: list[dict[str, Any]], file: Path
) -> None:
    [recording] = recordings
    _, sound = await server.request("GET", f"/recordings/{recording['id']}/audio")
    await asyncio.to_thread(file.write_bytes, sound)
    (left, right), rate = read_channels(file)
    assert share_of_tone(left[rate : 2 * rate], rate, 440) > 0.8
    assert seconds_of_tone(right, rate, VOICE) >= 1, "what the browser's microphone heard"


async def caller_hears(server: RunningServer) -> None:
    async with asyncio.timeout(10):
        while True:
            [live] = await server.get("/calls/live")
            if live["state"] == "talking":
                return
            await asyncio.sleep(0.1)


async def until_held(server: RunningServer, *, held: bool) -> None:
    async with asyncio.timeout(5):
        while True:
            [live] = await server.get("/calls/live")
            if any(leg["is_held"] for leg in live["legs"]) is held:
                return
            await asyncio.sleep(0.1)
