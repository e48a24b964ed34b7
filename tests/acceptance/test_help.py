"""An agent in a call asks for help, and a supervisor comes: both in their browsers."""

import re
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.acceptance.conftest import PhoneMaker
from tests.support.audio import write_tone
from tests.support.chromium import PROGRAM, browser
from tests.support.desk import Person
from tests.support.running_server import RunningServer

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.skipif(not PROGRAM.exists(), reason="Chromium is not installed here"),
]

CALLER, AGENT, SUPERVISOR = 440, 880, 1_320
ALL = frozenset({CALLER, AGENT, SUPERVISOR})


async def test_f07_supervisor_sees_who_asks_comes_and_the_agent_sees_that(
    server: RunningServer, phone: PhoneMaker, tmp_path: Path
) -> None:
    microphone = tmp_path / "voice.wav"
    write_tone(microphone, AGENT)
    caller = await phone("outside", tone=CALLER, registered=False)
    async with browser(microphone) as chromium:
        anna = await Person.at(server, chromium, "agent1", voice=AGENT)
        await anna.begin_shift("1001")
        boss = await Person.at(server, chromium, "supervisor", voice=SUPERVISOR)
        await server.until_registered("1900")
        await caller.dial(server.uri("5000"))
        await caller.wait_for("CALL_ESTABLISHED")
        await caller.press("1")
        await anna.press("Accept")
        await anna.press("Ask for help")
        dialog = anna.page.get_by_role("dialog")
        await dialog.get_by_label("What it is about").select_option(label="Upset caller")
        await dialog.get_by_label("In a few words").fill("Wants somebody in charge")
        await dialog.get_by_role("button", name="Ask for help").click()
        await anna.sees("Nobody has answered yet")

        alert = boss.page.get_by_role("alert").filter(has_text="asks for help")
        await expect(alert).to_contain_text("Anna Agent asks for help: Upset caller")
        await expect(alert).to_contain_text("Wants somebody in charge")
        await alert.get_by_role("button", name="Join", exact=True).click()
        await anna.sees("supervisor is coming to help")
        await anna.hears(CALLER, SUPERVISOR, of=ALL)
        await anna.press("Hang up")
        await expect(alert).to_have_count(0)
    [live] = [await server.until_record("5000")]
    told = [event["type"] for event in await server.get(f"/calls/{live['id']}/timeline")]
    assert [name for name in told if name.startswith("Help")] == [
        *("HelpRequested", "HelpTaken", "HelpEnded"),
    ]
    trail = await server.get("/audit?limit=100")
    assert [e["data"] for e in trail if e["action"] == "call.help_asked"] == [
        {"reason": "upset_caller"}
    ]
    assert re.search("Wants", str(trail)) is None
