"""A real Chromium without a screen, driven by its debugging protocol."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
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

    async def type_into(self, selector: str, text: str) -> None:
        """As a person does: the page sees real input."""
        await self.evaluate(f"document.querySelector({json.dumps(selector)}).focus()")
        await self._order("Input.insertText", {"text": text})

    async def press(self, key: str) -> None:
        """A key by its name, such as `Enter` or `F2`."""
        code = _KEY_CODES.get(key, 0)
        for kind in ("rawKeyDown", "keyUp"):
            await self._order(
                "Input.dispatchKeyEvent",
                {"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code},
            )
            if kind == "rawKeyDown" and key == "Enter":
                await self._order("Input.dispatchKeyEvent", {"type": "char", "text": "\r"})

    async def until(self, script: str, *, seconds: float = TIMEOUT_SECONDS) -> Any:
        """The value of an expression as soon as it is true; raises TimeoutError."""
        async with asyncio.timeout(seconds):
            while True:
                # While a page is just being loaded there is nothing that could evaluate.
                with suppress(RuntimeError):
                    if value := await self.evaluate(script):
                        return value
                await asyncio.sleep(0.1)

    async def picture(self, path: Path) -> None:
        shot = await self._order("Page.captureScreenshot", {"format": "png"})
        await asyncio.to_thread(path.write_bytes, base64.b64decode(shot["data"]))

    async def _order(self, method: str, parameters: dict[str, Any]) -> dict[str, Any]:
        self._number += 1
        return await _call(self._socket, self._number, method, parameters, self._session)


_KEY_CODES = {"Enter": 13, "F2": 113, "F4": 115, "F8": 119, "F9": 120}


@asynccontextmanager
async def opened_page(
    html: str, folder: Path, *, microphone: Path, port: int = 0
) -> AsyncIterator[Page]:
    """A page of that content, on an address that may use the microphone, which plays a file."""

    async def serve(_: web.Request) -> web.Response:
        return web.Response(text=html, content_type="text/html")

    application = web.Application()
    application.router.add_get("/", serve)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    host, port = runner.addresses[0][:2]
    try:
        async with opened_at(f"http://{host}:{port}/", folder, microphone=microphone) as page:
            yield page
    finally:
        await runner.cleanup()


@asynccontextmanager
async def opened_at(
    url: str, folder: Path, *, microphone: Path, trusted: str | None = None
) -> AsyncIterator[Page]:
    """The page at an address of this machine, with a microphone that plays a file.

    `trusted` is the pin of a certificate that no known authority has signed.
    """
    profile = folder / "profile"
    process = await asyncio.create_subprocess_exec(
        str(PROGRAM),
        *_FLAGS,
        f"--user-data-dir={profile}",
        f"--use-file-for-fake-audio-capture={microphone}",
        *([f"--ignore-certificate-errors-spki-list={trusted}"] if trusted else []),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with connect(await _debugger(profile), max_size=None) as socket:
            target = await _call(socket, 1, "Target.createTarget", {"url": url})
            attached = await _call(
                socket,
                2,
                "Target.attachToTarget",
                {"targetId": target["targetId"], "flatten": True},
            )
            page = Page(socket, attached["sessionId"])
            # At first it is an empty page.
            loaded = (
                f"location.href.startsWith({json.dumps(url)}) && document.readyState == 'complete'"
            )
            await page.until(loaded)
            yield page
    finally:
        process.terminate()
        await process.wait()


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
