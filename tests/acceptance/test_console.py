"""The supervisor's console as its user sees it, with an agent in a browser and a caller's phone."""

import asyncio
import re
import time
from pathlib import Path

import pytest
from playwright.async_api import Browser, Locator, expect

from tests.acceptance.conftest import PhoneMaker
from tests.support.audio import Samples, read_channels, share_of_tone, write_tone
from tests.support.chromium import PROGRAM, browser
from tests.support.desk import Person
from tests.support.running_server import RunningServer

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.skipif(not PROGRAM.exists(), reason="Chromium is not installed here"),
]

CALLER, AGENT, SUPERVISOR = 440, 880, 1_320
ALL = frozenset({CALLER, AGENT, SUPERVISOR})


async def test_g02_g03_g04_g05_g06_supervisor_listens_whispers_joins_and_takes_over(
    server: RunningServer, phone: PhoneMaker, tmp_path: Path
) -> None:
    """In one session, by buttons; the caller hears nothing of a whisper."""
    microphone = tmp_path / "voice.wav"
    write_tone(microphone, AGENT)
    caller = await phone("outside", tone=CALLER, registered=False)
    async with browser(microphone) as chromium:
        # Not the browser's microphone: its echo canceller takes the supervisor's tone for an echo.
        anna = await Person.at(server, chromium, "agent1", voice=AGENT)
        await anna.begin_shift("1001")
        boss = await at_console(server, chromium)
        await caller.dial(server.uri("5000"))
        await caller.wait_for("CALL_ESTABLISHED")
        await caller.press("1")
        await anna.press("Accept")
        await anna.hears(CALLER, of=ALL)

        windows = await supervise(anna, boss)
        await caller.hang_up()
        ended = time.monotonic()
        record = await server.until_record("5000")
    await caller.stop()
    [heard], rate = read_channels(caller.heard[0])

    assert [tones(heard, rate, ended, window) for window in windows] == [
        {AGENT},
        {AGENT},
        {AGENT, SUPERVISOR},
        {SUPERVISOR},
    ]
    recordings = await server.get(f"/recordings?call_id={record['id']}")
    with_agent, _ = sorted(recordings, key=lambda one: str(one["started_at"]))
    status, sound = await server.request("GET", f"/recordings/{with_agent['id']}/audio")
    assert status == 200
    file = tmp_path / "call.wav"
    file.write_bytes(sound)
    (left, right), rate = read_channels(file)
    assert SUPERVISOR not in present(left, rate)
    aside = round((windows[1][1] - windows[0][0]) * rate)
    assert present(right[:aside], rate) == {AGENT}, "listen and whisper"
    assert present(right[-rate:], rate) == {AGENT, SUPERVISOR}, "joined"


async def supervise(anna: Person, boss: Person) -> list[tuple[float, float]]:
    """From listening to taking over; when each step was under way."""
    await mode(boss, "Listen").click()
    await boss.hears(CALLER, AGENT, of=ALL)
    await anna.hears(CALLER, of=ALL)
    windows = [await moment()]
    await mode(boss, "Whisper").click()
    await anna.hears(CALLER, SUPERVISOR, of=ALL)
    await boss.hears(CALLER, AGENT, of=ALL)
    windows.append(await moment())
    await mode(boss, "Join").click()
    await expect(mode(boss, "Join")).to_have_attribute("aria-pressed", "true")
    windows.append(await moment())
    await mode(boss, "Take over").click()
    await anna.sees("What became of it")
    await boss.hears(CALLER, of=ALL)
    return [*windows, await moment()]


def tones(heard: Samples, rate: int, ended: float, window: tuple[float, float]) -> set[int]:
    """What a phone heard between two moments, whose sound ends with `ended`."""
    begin, end = window
    piece = heard[len(heard) - round((ended - begin) * rate) :]
    return present(piece[: round((end - begin) * rate)], rate)


async def test_g10_every_step_of_a_supervision_is_on_the_audit_trail(
    server: RunningServer, phone: PhoneMaker, tmp_path: Path
) -> None:
    caller = await phone("outside", tone=CALLER, registered=False)
    await phone("1001", "answermode=auto", tone=AGENT)
    monitor = await phone("1900", "answermode=auto", tone=SUPERVISOR)
    await server.set_agent("1001", "available")
    await caller.dial(server.uri("5000"))
    await caller.wait_for("CALL_ESTABLISHED")
    await caller.press("1")
    await server.until_agent("1001", "engaged")
    async with asyncio.timeout(10):
        while (live := (await server.get("/calls/live"))[0])["state"] != "talking":
            await asyncio.sleep(0.05)
    path = f"/calls/live/{live['id']}/supervision"
    status, answer = await server.request("PUT", path, user="supervisor", json={"mode": "listen"})
    assert status == 200, answer
    await monitor.wait_for("CALL_ESTABLISHED")
    status, answer = await server.request("PUT", path, user="supervisor", json={"mode": "barge"})
    assert status == 200, answer
    status, answer = await server.request("DELETE", path, user="supervisor")
    assert status == 200, answer
    async with asyncio.timeout(10):
        while len(trail := await server.get("/audit?action=call.supervise")) < 3:
            await asyncio.sleep(0.1)
    told = [(e["actor"], e["data"]["mode"], e["data"].get("supervised")) for e in trail]
    assert told[::-1] == [
        ("supervisor", "listen", "1001"),
        ("supervisor", "barge", "1001"),
        ("supervisor", "end", None),
    ]
    assert {e["subject"] for e in trail} == {live["id"]}


async def test_c09_console_says_how_a_running_call_sounds(
    server: RunningServer, phone: PhoneMaker, tmp_path: Path
) -> None:
    """Of real phones, by what the engine measures; the page hears of it by the feed."""
    caller = await phone("outside", tone=CALLER, registered=False)
    await phone("1001", "answermode=auto", tone=AGENT)
    await server.set_agent("1001", "available")
    silence = tmp_path / "silence.wav"
    write_tone(silence, SUPERVISOR)
    async with browser(silence) as chromium:
        boss = await at_console(server, chromium)
        await caller.dial(server.uri("5000"))
        await caller.wait_for("CALL_ESTABLISHED")
        await caller.press("1")
        await server.until_agent("1001", "engaged")
        buttons = boss.page.get_by_role("button", name="Listen", exact=True)
        row = boss.page.get_by_role("row").filter(has=buttons)
        await expect(row.get_by_text("Good connection").first).to_be_visible()
        await expect(
            row.get_by_text(re.compile(r"Loss 0\.\d % .* MOS 4\.\d")).first
        ).to_be_visible()
        async with asyncio.timeout(15):
            while True:
                [call] = await server.get("/calls/live")
                if all(leg["quality"] for leg in call["legs"]) and len(call["legs"]) == 2:
                    break
                await asyncio.sleep(0.2)
    assert {leg["quality"]["verdict"] for leg in call["legs"]} == {"good"}
    assert all(leg["quality"]["mos"] > 4 for leg in call["legs"])


async def at_console(server: RunningServer, chromium: Browser) -> Person:
    boss = await Person.at(server, chromium, "supervisor", voice=SUPERVISOR)
    await boss.page.get_by_role("link", name="Supervisor").click()
    await boss.sees(re.compile("Running calls"))
    await server.until_registered("1900")
    return boss


def mode(boss: Person, name: str) -> Locator:
    group = boss.page.get_by_role("group", name=re.compile("^Supervise the call"))
    return group.get_by_role("button", name=name, exact=True)


async def moment() -> tuple[float, float]:
    """A while in which nothing changes, after what was under way has been heard."""
    await asyncio.sleep(0.6)
    begin = time.monotonic()
    await asyncio.sleep(1.2)
    return begin, time.monotonic()


def present(samples: Samples, rate: int) -> set[int]:
    return {tone for tone in ALL if share_of_tone(samples, rate, tone) > 0.1}
