"""The administration as its user sees it: a real Chromium, signed in as administrator.

Forms say what is wrong next to the field, and what something depends on is not removed.
"""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.audio import write_tone
from tests.support.chromium import PROGRAM, Page, opened_at
from tests.support.running_server import PASSWORD, ROOT, RunningServer

AXE = ROOT / "frontend" / "node_modules" / "axe-core" / "axe.min.js"

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.skipif(not PROGRAM.exists(), reason="Chromium is not installed here"),
]

SAYS = "document.body.innerText.includes({!r})"
FORM = "[role=dialog] form"
PAGES = ("users", "agents", "queues", "numbers", "trunks", "phones", "dispositions", "trail")


class Administrator:
    """What a person does in the pages, by the words that are on them."""

    def __init__(self, page: Page) -> None:
        self.page = page

    async def sign_in(self, login: str = "admin") -> None:
        await self.page.until("document.querySelectorAll('input').length >= 2")
        await self.page.type_into("input:not([type=password])", login)
        await self.page.type_into("input[type=password]", PASSWORD)
        await self.page.press("Enter")
        await self.page.until("!!document.querySelector('.top nav')")

    async def go_to(self, section: str) -> None:
        await self.page.until(f"!!document.querySelector('a[href=\"{section}\"]')")
        await self.page.evaluate(f"document.querySelector('a[href=\"{section}\"]').click()")
        await self.page.until(f"location.pathname.startsWith('{section}')")

    async def click(self, words: str) -> None:
        """The first button of that name, once it is there."""
        script = (
            f"[...document.querySelectorAll('button')].find(b => b.innerText.trim() == {words!r})"
        )
        await self.page.until(f"!!({script})")
        await self.page.evaluate(f"({script}).click()")

    async def fill(self, field: str, text: str) -> None:
        selector = f"{FORM} [name={field}]"
        await self.page.until(f"!!document.querySelector({selector!r})")
        await self.page.evaluate(f"document.querySelector({selector!r}).select()")
        await self.page.type_into(selector, text)

    async def choose(self, field: str, words: str) -> None:
        """The first choice with these words in it, as the browser tells the page of it."""
        await self.page.until(
            f"[...document.querySelectorAll('{FORM} [name={field}] option')]"
            f".some(o => o.text.includes({words!r}))"
        )
        await self.page.evaluate(
            f"""(() => {{
                const select = document.querySelector('{FORM} [name={field}]')
                select.value = [...select.options].find(o => o.text.includes({words!r})).value
                select.dispatchEvent(new Event('change', {{ bubbles: true }}))
            }})()"""
        )

    async def error_at(self, field: str) -> str:
        """What is wrong with a field, as somebody hears it who cannot see the page."""
        script = f"""(() => {{
            const field = document.querySelector('{FORM} [name={field}]')
            if (field?.getAttribute('aria-invalid') !== 'true') return ''
            return field.getAttribute('aria-describedby').split(' ')
                .map(id => document.getElementById(id)).filter(e => /error/.test(e?.id))
                .map(e => e.innerText).join(' ')
        }})()"""
        return str(await self.page.until(script))

    async def until_closed(self) -> None:
        await self.page.until(f"!document.querySelector('{FORM}')")


async def opened(server: RunningServer, folder: Path) -> Any:
    microphone = folder / "voice.wav"
    await asyncio.to_thread(write_tone, microphone, 440)
    return opened_at(f"http://127.0.0.1:{server.http_port}/", folder, microphone=microphone)


async def test_administrator_adds_an_agent_and_the_user_who_takes_its_calls(
    server: RunningServer, tmp_path: Path
) -> None:
    async with await opened(server, tmp_path) as page:
        admin = Administrator(page)
        await admin.sign_in()
        await admin.go_to("/admin")
        await admin.go_to("/admin/agents")
        await add_an_agent(admin)
        agent = await server.agent("1050")
        assert (agent["name"], agent["skills"]) == ("Cara Agent", {"support": 3})

        await admin.go_to("/admin/users")
        await admin.click("Add a user")
        await admin.fill("login", "agent1")
        await admin.fill("display", "Cara Agent")
        await admin.choose("agent_id", "Cara Agent")
        await admin.click("Save")
        assert await admin.error_at("login") == "“agent1” is taken already."
        await admin.fill("login", "cara")
        await admin.click("Save")
        password = await shown_secret(page)
        await admin.click("Close")
        users = {user["login"]: user for user in await server.get("/users?limit=100")}
        assert users["cara"]["agent_id"] == agent["id"]
    assert await signs_in(server, "cara", password)
    assert not await signs_in(server, "cara", PASSWORD)


async def add_an_agent(admin: Administrator) -> None:
    """With a mistake at first: it is told next to the field, and what was typed is still there."""
    page = admin.page
    await admin.click("Add an agent")
    await admin.fill("name", "Cara Agent")
    await admin.fill("extension", "*45")
    await admin.click("Add a skill")
    await page.type_into(f"{FORM} .skill input", "support")
    await admin.click("Save")
    assert (
        await admin.error_at("extension") == "Only digits and letters are possible, such as 1001."
    )
    assert await page.evaluate("document.activeElement.name") == "extension"
    assert (
        await page.evaluate(f"document.querySelector('{FORM} [name=name]').value") == "Cara Agent"
    )
    await admin.fill("extension", "1001")
    await admin.click("Save")
    assert "agent1" in await admin.error_at("extension")
    await admin.fill("extension", "1050")
    await admin.click("Save")
    assert len(await shown_secret(page)) >= 8
    await admin.click("Close")
    await page.until(SAYS.format("Cara Agent"))


async def test_queue_in_use_stays_and_the_page_names_the_flow_that_leads_to_it(
    server: RunningServer, tmp_path: Path
) -> None:
    async with await opened(server, tmp_path) as page:
        admin = Administrator(page)
        await admin.sign_in()
        await admin.go_to("/admin")
        await admin.go_to("/admin/queues")
        await admin.click("sales")
        await admin.fill("ring_seconds", "0")
        await admin.click("Save")
        assert await admin.error_at("ring_seconds") == "It must be 1 or more."
        await page.press("Escape")
        await page.until(SAYS.format("Throw them away?"))
        await admin.click("Throw away")
        await admin.until_closed()

        await admin.click("sales")
        await admin.click("Remove")
        await page.until(SAYS.format("Remove the queue sales?"))
        await admin.click("Remove")
        await page.until(SAYS.format("The menu “main” leads there."))
        await admin.click("Back")
        await admin.click("Cancel")
        await admin.until_closed()
        assert "sales" in {queue["name"] for queue in await server.get("/queues")}

        await server.request("POST", "/queues", json={"name": "by somebody else", "skill": "x"})
        await page.until(SAYS.format("by somebody else"))


async def test_axe_finds_nothing_serious_on_any_page_of_the_administration(
    server: RunningServer, tmp_path: Path
) -> None:
    axe = await asyncio.to_thread(AXE.read_text)
    async with await opened(server, tmp_path) as page:
        admin = Administrator(page)
        await admin.sign_in()
        await admin.go_to("/admin")
        for name in PAGES:
            await admin.go_to(f"/admin/{name}")
            await page.until("!!document.querySelector('.section .panel table, .section .panel p')")
            assert await serious(page, axe) == [], name
            if name == "trail":
                continue
            await page.evaluate("document.querySelector('.section .rowbutton').click()")
            await page.until(f"!!document.querySelector('{FORM}')")
            await page.until("document.getAnimations().every(a => a.playState == 'finished')")
            assert await serious(page, axe) == [], f"{name}: form"
            await page.press("Escape")
            await admin.until_closed()


async def serious(page: Page, axe: str) -> list[str]:
    found = await page.evaluate(
        f"{axe}; axe.run(document, {{ resultTypes: ['violations'] }}).then(r => JSON.stringify("
        "r.violations.filter(v => ['serious', 'critical'].includes(v.impact))"
        ".map(v => v.id + ' ' + v.nodes.map(n => n.target).join(' '))))"
    )
    return list(json.loads(found))


async def shown_secret(page: Page) -> str:
    return str(await page.until("document.querySelector('output.secret')?.innerText"))


async def signs_in(server: RunningServer, login: str, password: str) -> bool:
    body = {"login": login, "password": password}
    status, _ = await server.request("POST", "/auth/login", user=None, json=body)
    return status == 200
