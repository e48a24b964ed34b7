"""A real Chromium without a screen, driven by its debugging protocol."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web
from websockets.asyncio.client import ClientConnection, connect

PROGRAM = Path("/usr/bin/chromium")
TIMEOUT_SECONDS = 30.0
_FLAGS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
    "--remote-debugging-port=0",
]


class Page:
    """One page of it, which can be asked to evaluate."""

    def __init__(self, socket: ClientConnection, session: str) -> None:
        self._socket = socket
        self._session = session
        self._number = 100

    async def evaluate(self, script: str) -> Any:
        """The value of an expression, awaited; raises RuntimeError for an error in the page."""
        self._number += 1
        parameters = {
            "expression": script,
            "awaitPromise": True,
            "returnByValue": True,
            "userGesture": True,
        }
        result = await _call(
            self._socket, self._number, "Runtime.evaluate", parameters, self._session
        )
        if "exceptionDetails" in result:
            raise RuntimeError(json.dumps(result["exceptionDetails"]))
        return result["result"].get("value")


@asynccontextmanager
async def opened_page(html: str, folder: Path, *, microphone: Path) -> AsyncIterator[Page]:
    """A page of that content, on an address that may use the microphone, which plays a file."""

    async def serve(_: web.Request) -> web.Response:
        return web.Response(text=html, content_type="text/html")

    application = web.Application()
    application.router.add_get("/", serve)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    profile = folder / "profile"
    process = await asyncio.create_subprocess_exec(
        str(PROGRAM),
        *_FLAGS,
        f"--user-data-dir={profile}",
        f"--use-file-for-fake-audio-capture={microphone}",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with connect(await _debugger(profile), max_size=None) as socket:
            target = await _call(
                socket, 1, "Target.createTarget", {"url": f"http://{host}:{port}/"}
            )
            attached = await _call(
                socket,
                2,
                "Target.attachToTarget",
                {"targetId": target["targetId"], "flatten": True},
            )
            page = Page(socket, attached["sessionId"])
            # At first it is an empty page.
            loaded = f"location.port == '{port}' && document.readyState == 'complete'"
            while not await page.evaluate(loaded):
                await asyncio.sleep(0.05)
            yield page
    finally:
        process.terminate()
        await process.wait()
        await runner.cleanup()


async def _debugger(profile: Path) -> str:
    file = profile / "DevToolsActivePort"
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while True:
            lines = file.read_text().split() if file.exists() else []
            if len(lines) == 2:
                return f"ws://127.0.0.1:{lines[0]}{lines[1]}"
            await asyncio.sleep(0.1)


async def _call(
    socket: ClientConnection,
    number: int,
    method: str,
    parameters: dict[str, Any],
    session: str | None = None,
) -> dict[str, Any]:
    order: dict[str, Any] = {"id": number, "method": method, "params": parameters}
    if session is not None:
        order["sessionId"] = session
    await socket.send(json.dumps(order))
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while True:
            told = json.loads(await socket.recv())
            if told.get("id") == number:
                if "error" in told:
                    raise RuntimeError(json.dumps(told["error"]))
                result: dict[str, Any] = told["result"]
                return result
