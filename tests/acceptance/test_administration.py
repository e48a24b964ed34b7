"""The administration as its user sees it: a real Chromium, signed in as administrator.

Forms say what is wrong next to the field, and what something depends on is not removed.
"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Locator, Page, expect

from tests.support.audio import write_tone
from tests.support.chromium import PROGRAM, browser
from tests.support.desk import Person
from tests.support.running_server import PASSWORD, ROOT, RunningServer

AXE = ROOT / "frontend" / "node_modules" / "axe-core" / "axe.min.js"

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.skipif(not PROGRAM.exists(), reason="Chromium is not installed here"),
]

PAGES = ("users", "agents", "queues", "numbers", "trunks", "phones", "dispositions", "trail")


class Administrator(Person):
    """What a person does in the pages, by the words that are on them."""

    @property
    def form(self) -> Locator:
        return self.page.get_by_role("dialog").locator("form")

    def field(self, name: str) -> Locator:
        return self.form.locator(f"[name={name}]")

    async def go_to(self, section: str) -> None:
        await self.page.locator(f"a[href='{section}']").first.click()
        await self.page.wait_for_url(f"**{section}**")

    async def click(self, words: str) -> None:
        await self.button(words).first.click()

    async def choose(self, field: str, words: str) -> None:
        """The choice with these words in it."""
        option = self.field(field).locator("option", has_text=words)
        await expect(option).to_be_attached()
        await self.field(field).select_option(value=await option.get_attribute("value"))

    async def is_told(self, field: str, words: str) -> None:
        """What is wrong with a field, as somebody hears it who cannot see the page."""
        await expect(self.field(field)).to_have_attribute("aria-invalid", "true")
        described = await self.field(field).get_attribute("aria-describedby")
        errors = [id for id in (described or "").split() if "error" in id]
        await expect(self.page.locator(f"[id='{errors[0]}']")).to_contain_text(words)

    async def secret(self) -> str:
        """A password that is shown this once."""
        return await self.page.locator("output.secret").inner_text()

    async def until_closed(self) -> None:
        await expect(self.form).to_have_count(0)


@pytest_asyncio.fixture
async def admin(server: RunningServer, tmp_path: Path) -> AsyncIterator[Administrator]:
    microphone = tmp_path / "voice.wav"
    await asyncio.to_thread(write_tone, microphone, 440)
    async with browser(microphone) as chromium:
        yield await Administrator.at(server, chromium, "admin")


async def test_administrator_adds_an_agent_and_the_user_who_takes_its_calls(
    server: RunningServer, admin: Administrator
) -> None:
    await admin.go_to("/admin")
    await admin.go_to("/admin/agents")
    await add_an_agent(admin)
    agent = await server.agent("1050")
    assert (agent["name"], agent["skills"]) == ("Cara Agent", {"support": 3})

    await admin.go_to("/admin/users")
    await admin.click("Add a user")
    await admin.field("login").fill("agent1")
    await admin.field("display").fill("Cara Agent")
    await admin.choose("agent_id", "Cara Agent")
    await admin.click("Save")
    await admin.is_told("login", "“agent1” is taken already.")
    await admin.field("login").fill("cara")
    await admin.click("Save")
    password = await admin.secret()
    await admin.click("Close")
    users = {user["login"]: user for user in await server.get("/users?limit=100")}
    assert users["cara"]["agent_id"] == agent["id"]
    assert await signs_in(server, "cara", password)
    assert not await signs_in(server, "cara", PASSWORD)


async def add_an_agent(admin: Administrator) -> None:
    """With a mistake at first: it is told next to the field, and what was typed is still there."""
    await admin.click("Add an agent")
    await admin.field("name").fill("Cara Agent")
    await admin.field("extension").fill("*45")
    await admin.click("Add a skill")
    await admin.form.locator(".skill input").first.fill("support")
    await admin.click("Save")
    await admin.is_told("extension", "Only digits and letters are possible, such as 1001.")
    await expect(admin.field("extension")).to_be_focused()
    await expect(admin.field("name")).to_have_value("Cara Agent")
    await admin.field("extension").fill("1001")
    await admin.click("Save")
    await admin.is_told("extension", "agent1")
    await admin.field("extension").fill("1050")
    await admin.click("Save")
    assert len(await admin.secret()) >= 8
    await admin.click("Close")
    await admin.sees("Cara Agent")


async def test_queue_in_use_stays_and_the_page_names_the_flow_that_leads_to_it(
    server: RunningServer, admin: Administrator
) -> None:
    await admin.go_to("/admin")
    await admin.go_to("/admin/queues")
    await admin.click("sales")
    await admin.field("ring_seconds").fill("0")
    await admin.click("Save")
    await admin.is_told("ring_seconds", "It must be 1 or more.")
    await admin.page.keyboard.press("Escape")
    await admin.sees("Throw them away?")
    await admin.click("Throw away")
    await admin.until_closed()

    await admin.click("sales")
    await admin.click("Remove")
    await admin.sees("Remove the queue sales?")
    await admin.click("Remove")
    await admin.sees("The menu “main” leads there.")
    await admin.click("Back")
    await admin.click("Cancel")
    await admin.until_closed()
    assert "sales" in {queue["name"] for queue in await server.get("/queues")}

    await server.request("POST", "/queues", json={"name": "by somebody else", "skill": "x"})
    await admin.sees("by somebody else")


async def test_f11_axe_finds_nothing_serious_on_any_page_of_the_administration(
    admin: Administrator,
) -> None:
    axe = await asyncio.to_thread(AXE.read_text)
    page = admin.page
    await admin.go_to("/admin")
    for name in PAGES:
        await admin.go_to(f"/admin/{name}")
        await expect(page.locator(".section .panel").locator("table, p").first).to_be_visible()
        assert await serious(page, axe) == [], name
        if name == "trail":
            continue
        await page.locator(".section .rowbutton").first.click()
        await expect(admin.form).to_be_visible()
        await page.wait_for_function(
            "() => document.getAnimations().every(a => a.playState == 'finished')"
        )
        assert await serious(page, axe) == [], f"{name}: form"
        await page.keyboard.press("Escape")
        await admin.until_closed()


async def serious(page: Page, axe: str) -> list[str]:
    await page.evaluate(f"() => {{ {axe} }}")
    found: list[str] = await page.evaluate(
        """async () => {
            const { violations } = await axe.run(document, { resultTypes: ['violations'] })
            return violations.filter(v => ['serious', 'critical'].includes(v.impact))
                .map(v => v.id + ' ' + v.nodes.map(n => n.target).join(' '))
        }"""
    )
    return found


async def signs_in(server: RunningServer, login: str, password: str) -> bool:
    body = {"login": login, "password": password}
    status, _ = await server.request("POST", "/auth/login", user=None, json=body)
    return status == 200
