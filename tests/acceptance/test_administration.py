"""The administration as its user sees it: a real Chromium, signed in as administrator.

Forms say what is wrong next to the field, and what something depends on is not removed.
"""

import asyncio
import json
import re
from pathlib import Path

import pytest
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


def form(page: Page) -> Locator:
    return page.get_by_role("dialog").locator("form")


async def go_to(page: Page, section: str) -> None:
    sections = page.get_by_role("navigation", name="Admin", exact=True)
    if not await sections.is_visible():
        main = page.get_by_role("navigation", name="Main")
        await main.get_by_role("link", name="Admin").filter(visible=True).click()
    await sections.get_by_role("link", name=section, exact=True).click()
    await expect(page.get_by_role("heading", name=section, exact=True)).to_be_visible()


async def press(page: Page, name: str) -> None:
    await page.get_by_role("button", name=name, exact=True).click()


async def fill(page: Page, field: str, text: str) -> None:
    await form(page).locator(f"[name={field}]").fill(text)


async def check_error(page: Page, field: str, text: str) -> None:
    """What is wrong is said with the field, also to who hears the page."""
    at = form(page).locator(f"[name={field}]")
    await expect(at).to_have_accessible_description(re.compile(re.escape(text)))
    await expect(at).to_have_attribute("aria-invalid", "true")


async def shown_secret(page: Page) -> str:
    secret = page.locator("output.secret")
    await expect(secret).to_be_visible()
    return await secret.inner_text()


async def close(page: Page) -> None:
    await page.get_by_role("button", name="Close", exact=True).last.click()
    await expect(page.get_by_role("dialog")).to_have_count(0)


async def test_administrator_adds_an_agent_and_the_user_who_takes_its_calls(
    server: RunningServer, tmp_path: Path
) -> None:
    microphone = tmp_path / "voice.wav"
    write_tone(microphone, 440)
    async with browser(microphone) as chromium:
        page = (await Person.at(server, chromium, "admin")).page
        await go_to(page, "Agents")
        await add_an_agent(page)
        agent = await server.agent("1050")
        assert (agent["name"], agent["skills"]) == ("Cara Agent", {"support": 3})

        await go_to(page, "Users")
        await press(page, "Add a user")
        await fill(page, "login", "agent1")
        await fill(page, "display", "Cara Agent")
        await form(page).locator("[name=agent_id]").select_option(label="Cara Agent (1050)")
        await press(page, "Save")
        await check_error(page, "login", "“agent1” is taken already.")
        await fill(page, "login", "cara")
        await press(page, "Save")
        password = await shown_secret(page)
        await close(page)
        users = {user["login"]: user for user in await server.get("/users?limit=100")}
        assert users["cara"]["agent_id"] == agent["id"]
    assert await signs_in(server, "cara", password)
    assert not await signs_in(server, "cara", PASSWORD)


async def add_an_agent(page: Page) -> None:
    """With a mistake at first: it is told next to the field, and what was typed is still there."""
    await press(page, "Add an agent")
    await fill(page, "name", "Cara Agent")
    await fill(page, "extension", "*45")
    await press(page, "Add a skill")
    await form(page).get_by_label("Skill 1").fill("support")
    await press(page, "Save")
    await check_error(page, "extension", "Only digits and letters are possible, such as 1001.")
    await expect(form(page).locator("[name=extension]")).to_be_focused()
    await expect(form(page).locator("[name=name]")).to_have_value("Cara Agent")
    await fill(page, "extension", "1001")
    await press(page, "Save")
    await check_error(page, "extension", "The user “agent1” has this phone.")
    await fill(page, "extension", "1050")
    await press(page, "Save")
    assert len(await shown_secret(page)) >= 8
    await close(page)
    await expect(page.get_by_role("button", name="Cara Agent")).to_be_visible()


async def test_queue_in_use_stays_and_the_page_names_the_flow_that_leads_to_it(
    server: RunningServer, tmp_path: Path
) -> None:
    microphone = tmp_path / "voice.wav"
    write_tone(microphone, 440)
    async with browser(microphone) as chromium:
        page = (await Person.at(server, chromium, "admin")).page
        await go_to(page, "Queues")
        await press(page, "sales")
        await fill(page, "ring_seconds", "0")
        await press(page, "Save")
        await check_error(page, "ring_seconds", "It must be 1 or more.")
        for leave in (page.keyboard.press("Escape"), page.go_back()):
            await leave
            await expect(page.get_by_role("alertdialog", name=re.compile("Throw"))).to_be_visible()
            await press(page, "Back")
        await page.keyboard.press("Escape")
        await press(page, "Throw away")

        await press(page, "sales")
        await press(page, "Remove")
        question = page.get_by_role("alertdialog")
        await question.get_by_role("button", name="Remove").click()
        await expect(question).to_contain_text("The menu “main” leads there.")
        await press(page, "Back")
        await press(page, "Cancel")
        assert "sales" in {queue["name"] for queue in await server.get("/queues")}

        await server.request("POST", "/queues", json={"name": "by somebody else", "skill": "x"})
        await expect(page.get_by_role("button", name="by somebody else")).to_be_visible()


async def test_supervisor_looks_at_the_configuration_and_changes_nothing(
    server: RunningServer, tmp_path: Path
) -> None:
    microphone = tmp_path / "voice.wav"
    write_tone(microphone, 440)
    async with browser(microphone) as chromium:
        page = (await Person.at(server, chromium, "supervisor")).page
        await go_to(page, "Queues")
        await press(page, "sales")
        await expect(form(page).locator("[name=name]")).to_have_value("sales")
        await expect(form(page).locator("[name=name]")).not_to_be_editable()
        for name in ("Save", "Remove", "Add a queue"):
            await expect(page.get_by_role("button", name=name, exact=True)).to_have_count(0)
        await page.keyboard.press("Escape")
        for name in ("Users", "Changes"):
            await expect(page.get_by_role("link", name=name)).to_have_count(0)


async def test_axe_finds_nothing_serious_on_any_page_of_the_administration(
    server: RunningServer, tmp_path: Path
) -> None:
    axe = await asyncio.to_thread(AXE.read_text)
    microphone = tmp_path / "voice.wav"
    write_tone(microphone, 440)
    async with browser(microphone) as chromium:
        page = (await Person.at(server, chromium, "admin")).page
        await go_to(page, "Users")
        links = page.get_by_role("navigation", name="Admin", exact=True).get_by_role("link")
        for name in await links.all_inner_texts():
            await go_to(page, name)
            await expect(page.locator(".section .panel :is(table, p)").first).to_be_visible()
            assert await serious(page, axe) == [], name
            rows = page.locator(".section .rowbutton")
            if await rows.count() > 0:
                await rows.first.click()
                await expect(form(page)).to_be_visible()
                await page.wait_for_function("document.getAnimations().length == 0")
                assert await serious(page, axe) == [], f"{name}: form"
                await page.keyboard.press("Escape")
                await expect(page.get_by_role("dialog")).to_have_count(0)


async def serious(page: Page, axe: str) -> list[str]:
    found = await page.evaluate(
        f"{axe}; axe.run(document, {{ resultTypes: ['violations'] }}).then(r => JSON.stringify("
        "r.violations.filter(v => ['serious', 'critical'].includes(v.impact))"
        ".map(v => v.id + ' ' + v.nodes.map(n => n.target).join(' '))))"
    )
    return list(json.loads(found))


async def signs_in(server: RunningServer, login: str, password: str) -> bool:
    body = {"login": login, "password": password}
    status, _ = await server.request("POST", "/auth/login", user=None, json=body)
    return status == 200
