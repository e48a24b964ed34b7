"""A real Chromium without a screen, driven by Playwright."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web
from playwright.async_api import Browser, Page, async_playwright

PROGRAM = Path("/usr/bin/chromium")
TIMEOUT_MS = 30_000
_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
    # Else it would ask no STUN or TURN server that is on this machine.
    "--allow-loopback-in-peer-connection",
]


@asynccontextmanager
async def browser(microphone: Path, *, trusted: str | None = None) -> AsyncIterator[Browser]:
    """A browser whose microphone plays a file.

    `trusted` is the pin of a certificate that no known authority has signed.
    """
    flags = [*_FLAGS, f"--use-file-for-fake-audio-capture={microphone}"]
    if trusted is not None:
        flags.append(f"--ignore-certificate-errors-spki-list={trusted}")
    async with (
        async_playwright() as playwright,
        await playwright.chromium.launch(executable_path=PROGRAM, args=flags) as launched,
    ):
        yield launched


@asynccontextmanager
async def opened_at(url: str, *, microphone: Path) -> AsyncIterator[Page]:
    """The page at an address of this machine, in a browser of its own."""
    async with browser(microphone) as launched:
        page = await launched.new_page()
        page.set_default_timeout(TIMEOUT_MS)
        await page.goto(url)
        yield page


@asynccontextmanager
async def opened_page(html: str, *, microphone: Path, port: int = 0) -> AsyncIterator[Page]:
    """A page of that content, on an address that may use the microphone."""

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
        async with opened_at(f"http://{host}:{port}/", microphone=microphone) as page:
            yield page
    finally:
        await runner.cleanup()
