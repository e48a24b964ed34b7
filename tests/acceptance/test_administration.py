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

PAGES = (
    *("users", "agents", "queues", "numbers", "trunks", "phones"),
    *("sounds", "hours", "dispositions", "trail"),
)


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
    await admin.page.go_back()
    await admin.sees("Throw them away?")
    await admin.click("Back")
    await expect(admin.field("ring_seconds")).to_have_value("0 s")
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


async def test_supervisor_looks_at_the_configuration_and_changes_nothing(
    server: RunningServer, tmp_path: Path
) -> None:
    microphone = tmp_path / "voice.wav"
    await asyncio.to_thread(write_tone, microphone, 440)
    async with browser(microphone) as chromium:
        boss = await Administrator.at(server, chromium, "supervisor")
        await boss.go_to("/admin")
        await boss.go_to("/admin/queues")
        await boss.click("sales")
        await expect(boss.field("name")).to_have_value("sales")
        await expect(boss.field("name")).not_to_be_editable()
        for name in ("Save", "Remove", "Add a queue"):
            await expect(boss.button(name)).to_have_count(0)
        for section in ("users", "trail"):
            await expect(boss.page.locator(f"a[href='/admin/{section}']")).to_have_count(0)


async def test_announcement_is_typed_heard_kept_and_music_is_chosen_by_a_queue(
    server: RunningServer, admin: Administrator, tmp_path: Path
) -> None:
    await admin.go_to("/admin")
    await admin.go_to("/admin/sounds")
    await admin.click("Add a sound")
    await admin.field("name").fill("closed")
    await admin.field("text").fill("We are closed.")
    await admin.click("Hear it first")
    await expect(admin.form.locator("audio")).to_be_visible()
    await admin.click("Save")
    await admin.until_closed()
    await admin.click("Add a sound")
    await admin.field("name").fill("tune")
    await admin.field("kind").select_option("music")
    await admin.field("way").select_option("file")
    await admin.page.locator("input[type=file]").set_input_files(tmp_path / "voice.wav")
    await admin.click("Save")
    await admin.until_closed()
    sounds = {sound["name"]: sound for sound in await server.get("/sounds")}
    assert (sounds["closed"]["spoken_text"], sounds["tune"]["kind"]) == ("We are closed.", "music")

    await admin.go_to("/admin/queues")
    await admin.click("sales")
    await admin.choose("music", "tune")
    await admin.click("Save")
    await admin.until_closed()
    await admin.go_to("/admin/sounds")
    await admin.click("tune")
    await admin.click("Remove")
    await admin.page.get_by_role("alertdialog").get_by_role("button", name="Remove").click()
    await admin.sees("The queue “sales” plays it.")


async def test_hours_are_set_by_the_week_and_a_span_that_overlaps_is_told(
    server: RunningServer, admin: Administrator
) -> None:
    await admin.go_to("/admin")
    await admin.go_to("/admin/hours")
    await admin.click("Add opening hours")
    await admin.field("name").fill("office")
    await admin.page.get_by_label("Add a span on Monday").click()
    await admin.page.get_by_label("Monday 2: opens").fill("10:00")
    await admin.click("Save")
    second = admin.page.get_by_label("Monday 2: opens")
    await expect(second).to_have_accessible_description(
        "This overlaps with another span of the same day."
    )
    await second.fill("18:00")
    await admin.click("Tuesday to Friday like Monday")
    await admin.click("Save")
    await admin.until_closed()
    [hours] = await server.get("/hours")
    assert len(hours["weekly"]) == 10
    now = "Open" if hours["open_now"] else "Closed"
    await expect(admin.page.locator(".section tbody .state")).to_have_text(now)


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
        new = page.locator(".section button", has_text="Add")
        row = page.locator(".section .rowbutton").first
        await (row if await row.count() else new).click()
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
