"""What a browser's devices are fit for: tested before the shift, and watched during it."""

from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.support.audio import write_tone
from tests.support.chromium import PROGRAM, browser
from tests.support.desk import Person
from tests.support.running_server import RunningServer

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.skipif(not PROGRAM.exists(), reason="Chromium is not installed here"),
]


async def test_c06_device_test_measures_an_echo_call_and_the_verdict_is_kept(
    server: RunningServer, tmp_path: Path
) -> None:
    microphone = tmp_path / "voice.wav"
    write_tone(microphone, 880)
    async with browser(microphone) as chromium:
        anna = await Person.at(server, chromium, "agent1", voice=880)
        await anna.sees("Not tested yet.")
        await anna.press("Test devices")
        await anna.press("Start")
        await anna.press("Yes")
        dialog = anna.page.get_by_role("dialog")
        await expect(dialog.get_by_text("MOS")).to_be_visible()
        [kept] = await server.get("/device-tests", user="supervisor")
        assert kept["microphone"] == "there"
        assert kept["level"] > 0.15
        assert kept["loss_percent"] is not None
        assert kept["mos"] > 1
        assert kept["verdict"] in ("good", "fair", "poor")
        await dialog.get_by_role("button", name="Close").last.click()
        await expect(anna.page.get_by_text("Not tested yet.")).to_have_count(0)
    record = await server.until_record("*43")
    assert record["legs"][0]["quality"]["packets_received"] > 0


async def test_c07_tab_that_does_not_answer_any_more_makes_its_agent_away(
    server: RunningServer, tmp_path: Path
) -> None:
    """The connection still stands: only the page is stopped, as a browser does to old tabs."""
    microphone = tmp_path / "voice.wav"
    write_tone(microphone, 880)
    async with browser(microphone) as chromium:
        anna = await Person.at(server, chromium, "agent1", voice=880)
        await anna.begin_shift("1001")
        debugger = await anna.page.context.new_cdp_session(anna.page)
        await debugger.send("Debugger.enable")
        await debugger.send("Debugger.pause")
        await server.until_agent("1001", "away", seconds=30)
        agent = await server.agent("1001")
        assert (agent["reason"], agent["reachable"]) == ("phone_asleep", False)
        [phone] = [p for p in await server.get("/phones") if p["user"] == "1001"]
        assert phone["registered"], "the connection was there all the time"
        await debugger.send("Debugger.resume")
        await anna.sees("Phone tab asleep")
