"""Standard SIP clients for browsers, as they come from npm, in a real Chromium.

They register with the phone's password by digest, as any SIP phone does.
"""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Page

from tests.support.audio import read_channels, seconds_of_tone, write_tone
from tests.support.baresip import Baresip
from tests.support.chromium import PROGRAM, opened_page
from tests.support.free_ports import free_port_block
from tests.support.running_server import PASSWORD, ROOT, RunningServer

CLIENTS = Path(__file__).parent / "clients"
FRONTEND = ROOT / "frontend"
VOICE, OTHER = 880, 660

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.skipif(not PROGRAM.exists(), reason="Chromium is not installed here"),
    pytest.mark.skipif(shutil.which("node") is None, reason="there is no Node.js"),
    pytest.mark.parametrize("client", ["jssip", "sipjs"]),
]


async def bundled(client: str, folder: Path) -> str:
    output = folder / f"{client}.js"
    process = await asyncio.create_subprocess_exec(
        *("node", str(CLIENTS / "build.mjs"), str(FRONTEND)),
        *(str(CLIENTS / f"{client}.js"), str(output)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()
    # What would end the script inside of it is written so that it does not.
    script = (await asyncio.to_thread(output.read_text)).replace("</", "<\\/")
    return f"<!doctype html><title>{client}</title><script>{script}</script>"


@asynccontextmanager
async def registered(client: str, folder: Path) -> AsyncIterator[tuple[RunningServer, Page]]:
    """The page is the phone 1001, on a web server of its own that is allowed to connect."""
    microphone = folder / "voice.wav"
    write_tone(microphone, VOICE)
    html, port = await bundled(client, folder), free_port_block(1)
    extra = f'ws_origins = ["http://127.0.0.1:{port}"]'
    async with (
        RunningServer(folder / "server", sip_extra=extra) as server,
        opened_page(html, microphone=microphone, port=port) as page,
    ):
        account = {
            "url": f"ws://127.0.0.1:{server.ws_port}/",
            "user": "1001",
            "domain": "127.0.0.1",
            "password": PASSWORD,
        }
        await page.evaluate(f"client.start({json.dumps(account)})")
        await page.wait_for_function("() => client.isRegistered()")
        await server.until_registered("1001")
        yield server, page


async def hears(page: Page, frequency: float) -> None:
    await page.wait_for_function(f"() => Math.abs(client.loudest() - {frequency}) < 15")


async def until_node(server: RunningServer, node: str) -> None:
    async with asyncio.timeout(10):
        while node not in [live["node"] for live in await server.get("/calls/live")]:
            await asyncio.sleep(0.1)


async def test_client_calls_and_hears_itself(client: str, tmp_path: Path) -> None:
    async with registered(client, tmp_path) as (server, page):
        await page.evaluate("client.call('sip:5001@127.0.0.1')")
        await page.wait_for_function("() => client.isTalking()")
        await hears(page, VOICE)
        await page.evaluate("client.hangUp()")
        record = await server.until_record("5001")
        assert record["cause"] == "caller_hung_up"


async def test_client_is_called_holds_resumes_presses_and_passes_on(
    client: str, tmp_path: Path
) -> None:
    async with registered(client, tmp_path) as (server, page):
        ben = Baresip(tmp_path / "ben", server.account("1002"), tone=OTHER)
        await ben.start()
        try:
            await server.until_registered("1002")
            await ben.dial(server.uri("1001"))
            await page.wait_for_function("() => client.isRinging()")
            await page.evaluate("client.answer()")
            await ben.wait_for("CALL_ESTABLISHED")
            await hears(page, OTHER)
            await asyncio.sleep(1.5)
            await page.evaluate("client.hold()")
            async with asyncio.timeout(5):
                while not (await server.get("/calls/live"))[0]["legs"][1]["is_held"]:
                    await asyncio.sleep(0.1)
            await page.evaluate("client.resume()")
            await hears(page, OTHER)
            await page.evaluate("client.press('5')")
            await ben.wait_for("CALL_DTMF_START")
            await page.evaluate("client.transfer('sip:5001@127.0.0.1')")
            await until_node(server, "echo")
            await page.wait_for_function("() => client.isOver()")
            await asyncio.sleep(8)  # it says first what it is
            await ben.hang_up()
        finally:
            await ben.stop()
        # The phone begins a new file whenever its stream is changed.
        heard = [read_channels(file) for file in ben.heard]
        voice = sum(seconds_of_tone(sound, rate, VOICE) for [sound], rate in heard)
        echo = sum(seconds_of_tone(sound, rate, OTHER) for [sound], rate in heard)
        assert voice >= 1, "the browser's microphone"
        assert echo >= 1, "its own voice, after the transfer"
