"""Somebody at a screen of ours: signs in, presses what is there, hears what the browser plays."""

import asyncio
import re
from typing import Self

from playwright.async_api import Browser, Locator, Page, WebSocketRoute, expect

from tests.support.chromium import TIMEOUT_MS
from tests.support.running_server import PASSWORD, RunningServer

# The desk has several reasons to wait: a ticket, a registration, a phone that rings.
expect.set_options(timeout=TIMEOUT_MS)

_VOICE = """
navigator.mediaDevices.getUserMedia = async () => {
  const context = new AudioContext(), tone = context.createOscillator();
  const out = context.createMediaStreamDestination();
  tone.frequency.value = %d;
  const gain = new GainNode(context, {gain: 0.3});
  tone.connect(gain).connect(out);
  tone.start();
  return out.stream;
};
"""
"""In place of the microphone that all pages of a browser share."""

_EAR = """
window.connections = [];
window.RTCPeerConnection = class extends RTCPeerConnection {
  constructor(...given) {
    super(...given);
    window.connections.push(this);
    this.addEventListener('track', ({track}) => {
      const context = new AudioContext();
      const ear = new AnalyserNode(context, {fftSize: 8192, smoothingTimeConstant: 0});
      context.createMediaStreamSource(new MediaStream([track])).connect(ear);
      window.loudnessOf = (frequencies) => {
        const levels = new Float32Array(ear.frequencyBinCount);
        ear.getFloatFrequencyData(levels);
        return frequencies.map(f => levels[Math.round(f * ear.fftSize / context.sampleRate)]);
      };
    });
  }
};
"""
_AUDIBLE_DB = -60


class Person:
    def __init__(self, server: RunningServer, page: Page) -> None:
        self._server = server
        self.page = page
        self._sockets: list[WebSocketRoute] = []
        self._has_network = True

    @classmethod
    async def at(
        cls,
        server: RunningServer,
        browser: Browser,
        login: str,
        *,
        voice: int | None = None,
        prepared: str = "",
    ) -> Self:
        """Signed in, in a window that shares nothing with others; says `voice` in Hz.

        The script `prepared` runs before those of the page.
        """
        context = await browser.new_context()
        await context.add_init_script(_EAR)
        if voice is not None:
            await context.add_init_script(_VOICE % voice)
        if prepared:
            await context.add_init_script(prepared)
        page = await context.new_page()
        page.set_default_timeout(TIMEOUT_MS)
        person = cls(server, page)
        await page.route_web_socket(lambda _: True, person._carry)
        await page.goto(server.url + "/")
        await person.sign_in(login)
        return person

    async def sign_in(self, login: str) -> None:
        await self.page.get_by_label("Login").fill(login)
        await self.page.get_by_role("textbox", name="Password").fill(PASSWORD)
        await self.page.keyboard.press("Enter")

    async def sees(self, text: str | re.Pattern[str]) -> None:
        await expect(self.page.get_by_text(text).first).to_be_visible()

    @property
    def incoming(self) -> Locator:
        """The card of a call that rings."""
        return self.page.get_by_role("alertdialog")

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    async def press(self, name: str) -> None:
        await self.button(name).click()

    async def begin_shift(self, extension: str) -> None:
        """The phone is there, and the agent takes calls."""
        await self.sees("Phone ready")
        await self._server.set_agent(extension, "available")
        await self.sees("Available")

    async def lose_network(self) -> None:
        """Requests fail and sockets break; sound has a way of its own and goes on."""
        self._has_network = False
        await self.page.context.set_offline(True)
        while self._sockets:
            await self._sockets.pop().close(code=3001)

    async def find_network(self) -> None:
        self._has_network = True
        await self.page.context.set_offline(False)

    async def _carry(self, socket: WebSocketRoute) -> None:
        if self._has_network:
            socket.connect_to_server()
            self._sockets.append(socket)
        else:
            await socket.close(code=3001)

    async def hears(self, *tones: int, of: frozenset[int]) -> None:
        """Until just these tones of all that are said can be heard, in Hz."""
        order = sorted(of)
        levels: list[float] = []
        try:
            async with asyncio.timeout(15):
                while True:
                    levels = await self.page.evaluate(
                        "f => window.loudnessOf ? loudnessOf(f) : []", order
                    )
                    heard = {t for t, db in zip(order, levels, strict=False) if db > _AUDIBLE_DB}
                    if levels and heard == set(tones):
                        return
                    await asyncio.sleep(0.1)
        except TimeoutError:
            raise AssertionError(f"hears {dict(zip(order, levels, strict=False))}") from None
