"""Which codec a call in the browser has, as Chromium itself tells: Opus between browsers."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.acceptance.conftest import PhoneMaker
from tests.acceptance.test_console import at_console, mode
from tests.support.chromium import PROGRAM, browser
from tests.support.desk import Person
from tests.support.running_server import RunningServer

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.skipif(not PROGRAM.exists(), reason="Chromium is not installed here"),
]

CALLER, ANNA, BEN, BOSS = 440, 5_000, 6_000, 1_320
"""Hz: agents say what a telephone cannot."""
LOW_ANNA = 880
ALL = frozenset({CALLER, ANNA, BEN, BOSS, LOW_ANNA})

_CODECS = """async () => {
  const found = [];
  for (const connection of window.connections) {
    if (connection.connectionState !== 'connected') continue;
    const report = await connection.getStats();
    for (const [, row] of report)
      if ((row.type === 'inbound-rtp' || row.type === 'outbound-rtp') && row.codecId)
        found.push([row.type, report.get(row.codecId).mimeType]);
  }
  return found;
}"""


@pytest_asyncio.fixture
async def chromium(tmp_path: Path) -> AsyncIterator[Browser]:
    async with browser(tmp_path / "unused.wav") as launched:
        yield launched


async def codecs(person: Person) -> set[tuple[str, str]]:
    """Of what comes and of what goes, once there is both."""
    found: set[tuple[str, str]] = set()
    async with asyncio.timeout(10):
        while len({way for way, _ in found}) < 2:
            found = {(way, name) for way, name in await person.page.evaluate(_CODECS)}
            await asyncio.sleep(0.1)
    return found


def both_ways(name: str) -> set[tuple[str, str]]:
    return {("inbound-rtp", name), ("outbound-rtp", name)}


async def call(person: Person, number: str) -> None:
    await person.page.get_by_role("textbox", name="Number").fill(number)
    await person.page.keyboard.press("Enter")


async def test_c01_two_browsers_talk_by_opus_and_hear_what_no_telephone_can_say(
    server: RunningServer, chromium: Browser
) -> None:
    anna = await Person.at(server, chromium, "agent1", voice=ANNA)
    ben = await Person.at(server, chromium, "agent2", voice=BEN)
    await anna.sees("Phone ready")
    await ben.sees("Phone ready")
    await call(anna, "1002")
    await expect(ben.incoming).to_be_visible()
    await ben.press("Accept")
    await ben.hears(ANNA, of=ALL)
    await anna.hears(BEN, of=ALL)
    assert await codecs(anna) == both_ways("audio/opus")
    assert await codecs(ben) == both_ways("audio/opus")


async def test_c01_supervisor_hears_two_browsers_by_opus(
    server: RunningServer, chromium: Browser
) -> None:
    anna = await Person.at(server, chromium, "agent1", voice=ANNA)
    ben = await Person.at(server, chromium, "agent2", voice=BEN)
    await anna.sees("Phone ready")
    await ben.sees("Phone ready")
    boss = await at_console(server, chromium)
    await call(anna, "1002")
    await ben.press("Accept")
    await ben.hears(ANNA, of=ALL)
    await mode(boss, "Listen").first.click()
    await boss.hears(ANNA, BEN, of=ALL)
    assert await codecs(boss) == both_ways("audio/opus")


async def test_c01_call_of_a_phone_reaches_the_browser_as_g711(
    server: RunningServer, phone: PhoneMaker, chromium: Browser
) -> None:
    anna = await Person.at(server, chromium, "agent1", voice=LOW_ANNA)
    await anna.begin_shift("1001")
    caller = await phone("outside", tone=CALLER, registered=False)
    await caller.dial(server.uri("5000"))
    await caller.wait_for("CALL_ESTABLISHED")
    await caller.press("1")
    await anna.press("Accept")
    await anna.hears(CALLER, of=ALL)
    assert await codecs(anna) == both_ways("audio/PCMU")


async def test_b01_opus_goes_on_when_its_other_end_becomes_a_phone(
    server: RunningServer, phone: PhoneMaker, chromium: Browser
) -> None:
    """A transfer leaves Opus on one side: the bridge translates, and nothing is lost."""
    other = await phone("1900", "answermode=auto", tone=CALLER)
    anna = await Person.at(server, chromium, "agent1", voice=LOW_ANNA)
    ben = await Person.at(server, chromium, "agent2", voice=BEN)
    await anna.sees("Phone ready")
    await ben.sees("Phone ready")
    await call(anna, "1002")
    await ben.press("Accept")
    await ben.hears(LOW_ANNA, of=ALL)
    await ben.press("Transfer")
    await ben.page.get_by_role("textbox", name="To").fill("1900")
    dialog = ben.page.get_by_role("dialog")
    await dialog.get_by_role("button").filter(has_text="Call 1900").click()
    await dialog.get_by_role("button", name="Transfer", exact=True).click()
    await other.wait_for("CALL_ESTABLISHED")
    await anna.hears(CALLER, of=ALL)
    assert await codecs(anna) == both_ways("audio/opus")
