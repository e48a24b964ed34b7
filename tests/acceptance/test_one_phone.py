"""One agent, one phone: over a reload of the page, in one of two tabs, and without a hand."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.acceptance.conftest import PhoneMaker
from tests.support.audio import write_tone
from tests.support.baresip import Baresip
from tests.support.chromium import PROGRAM, browser
from tests.support.desk import Person
from tests.support.running_server import RunningServer

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.skipif(not PROGRAM.exists(), reason="Chromium is not installed here"),
]

CALLER, AGENT = 440, 880
ALL = frozenset({CALLER, AGENT})


@pytest_asyncio.fixture
async def chromium(tmp_path: Path) -> AsyncIterator[Browser]:
    microphone = tmp_path / "voice.wav"
    write_tone(microphone, AGENT)
    async with browser(microphone) as launched:
        yield launched


async def dial_sales(server: RunningServer, phone: PhoneMaker) -> Baresip:
    caller = await phone("outside", tone=CALLER, registered=False)
    await caller.dial(server.uri("5000"))
    await caller.wait_for("CALL_ESTABLISHED")
    await caller.press("1")
    return caller


async def test_c05_page_that_is_loaded_again_in_a_call_returns_to_the_same_call(
    server: RunningServer, phone: PhoneMaker, chromium: Browser
) -> None:
    anna = await Person.at(server, chromium, "agent1", voice=AGENT)
    await anna.begin_shift("1001")
    caller = await dial_sales(server, phone)
    await anna.press("Accept")
    await anna.hears(CALLER, of=ALL)
    [before] = await server.get("/calls/live")
    await anna.page.reload()
    await anna.sees("Talking")
    await anna.hears(CALLER, of=ALL)
    [after] = await server.get("/calls/live")
    assert after["id"] == before["id"]
    assert [leg["role"] for leg in after["legs"]] == ["caller", "agent"]
    assert (await server.agent("1001"))["state"] == "engaged"
    await anna.press("Hang up")
    await caller.wait_for("CALL_CLOSED")
    record = await server.until_record("5000")
    assert record["cause"] == "agent_hung_up"


async def test_c05_page_that_is_loaded_again_returns_to_a_call_of_the_agents_own(
    server: RunningServer, phone: PhoneMaker, chromium: Browser
) -> None:
    called = await phone("1002", "answermode=auto", tone=CALLER)
    anna = await Person.at(server, chromium, "agent1", voice=AGENT)
    await anna.begin_shift("1001")
    await anna.page.get_by_label("Number", exact=True).fill("1002")
    await anna.press("Call")
    await anna.hears(CALLER, of=ALL)
    [before] = await server.get("/calls/live")
    await anna.page.reload()
    await anna.sees("Talking")
    await anna.hears(CALLER, of=ALL)
    [after] = await server.get("/calls/live")
    assert after["id"] == before["id"]
    await anna.press("Hang up")
    await called.wait_for("CALL_CLOSED")


async def test_c05_caller_of_an_agent_who_does_not_come_back_is_served_by_the_next(
    server: RunningServer, phone: PhoneMaker, chromium: Browser
) -> None:
    anna = await Person.at(server, chromium, "agent1", voice=AGENT)
    await anna.begin_shift("1001")
    await dial_sales(server, phone)
    await anna.press("Accept")
    await anna.hears(CALLER, of=ALL)
    second = await phone("1002", "answermode=auto", tone=660)
    await server.set_agent("1002", "available")
    # Nothing of the page runs any more; that its sound has ended shows within half a minute.
    await chromium.close()
    async with asyncio.timeout(90):
        await second.wait_for("CALL_ESTABLISHED", seconds=90)
    await server.until_agent("1002", "engaged")
    [live] = await server.get("/calls/live")
    assert live["state"] == "talking"
    assert (await server.agent("1001"))["state"] in ("wrap_up", "away")


async def test_c10_call_is_taken_by_itself_where_the_queue_says_so(
    server: RunningServer, phone: PhoneMaker, chromium: Browser
) -> None:
    sales = next(q for q in await server.get("/queues") if q["name"] == "sales")
    values = await server.get(f"/queues/{sales['id']}")
    del values["id"]
    status, answer = await server.request(
        "PUT", f"/queues/{sales['id']}", json={**values, "auto_answer": True}
    )
    assert status == 200, answer
    anna = await Person.at(server, chromium, "agent1", voice=AGENT)
    await anna.begin_shift("1001")
    await dial_sales(server, phone)
    await anna.sees("Talking")
    await anna.hears(CALLER, of=ALL)
    await anna.press("Hang up")


async def test_f10_of_two_tabs_one_is_the_phone_and_the_other_may_take_over(
    server: RunningServer, phone: PhoneMaker, chromium: Browser
) -> None:
    anna = await Person.at(server, chromium, "agent1")
    await anna.begin_shift("1001")
    other = Person(server, await anna.page.context.new_page())
    await other.page.goto(anna.page.url)
    await other.sees("Another tab is the phone.")
    await anna.sees("Phone ready")
    await other.press("Use the phone in this tab")
    await other.sees("Phone ready")
    await anna.sees("Another tab is the phone.")
    async with asyncio.timeout(10):
        while True:
            [phone_of] = [p for p in await server.get("/phones") if p["user"] == "1001"]
            if len(phone_of["contacts"]) == 1:
                break
            await asyncio.sleep(0.1)
    await dial_sales(server, phone)
    await expect(other.incoming).to_be_visible()
    await expect(anna.incoming).to_have_count(0)
    await other.page.close()
    await anna.sees("Phone ready")
