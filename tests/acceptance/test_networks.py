"""Browsers behind other networks: STUN and TURN servers, and a network that goes away in a talk.

The names in brackets are rows of the feature list: C03 set-up without waiting for candidates, C04
a talk survives a change of the network.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Page

from tests.support.audio import read_channels, seconds_of_tone, write_tone
from tests.support.baresip import Baresip
from tests.support.chromium import PROGRAM, browser
from tests.support.desk import Person
from tests.support.detour import UdpDetour, tcp_detour
from tests.support.running_server import RunningServer
from tests.support.turn_server import TurnServer

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.skipif(not PROGRAM.exists(), reason="Chromium is not installed here"),
]

CALLER, VOICE = 440, 880
ALL = frozenset({CALLER, VOICE})
SECRET = "a-secret-of-the-turn-server"

DETOURED = """
window.asked = []; window.detours = [];
const really = RTCPeerConnection.prototype.setRemoteDescription;
RTCPeerConnection.prototype.setRemoteDescription = async function(description) {
  let sdp = description.sdp;
  const [line, port] = /a=candidate:1 1 udp \\d+ [\\d.]+ (\\d+)/.exec(sdp);
  const ufrag = /a=ice-ufrag:(\\S+)/.exec(sdp)[1];
  let way = window.asked.findIndex(one => one.ufrag == ufrag);
  if (way < 0) way = window.asked.push({ufrag, port: Number(port)}) - 1;
  while (!window.detours[way]) await new Promise(done => setTimeout(done, 10));
  sdp = sdp.replace(line, line.replace(port, window.detours[way]));
  return really.call(this, {type: description.type, sdp});
};
"""
"""The page takes each new way to the server by a detour that the test has opened."""


@asynccontextmanager
async def talking(server: RunningServer, folder: Path) -> AsyncIterator[tuple[Person, Baresip]]:
    """An agent's desk that has just answered a caller, who says 440 Hz."""
    write_tone(folder / "voice.wav", VOICE)
    account = server.account("outside", "regint=0").replace(";regint=60", "")
    caller = Baresip(folder / "caller", account, tone=CALLER)
    try:
        await caller.start()
        async with browser(folder / "voice.wav") as chromium:
            anna = await Person.at(server, chromium, "agent1", prepared=DETOURED)
            await anna.begin_shift("1001")
            await caller.dial(server.uri("5000"))
            await caller.wait_for("CALL_ESTABLISHED")
            await caller.press("1")
            await anna.press("Accept")
            yield anna, caller
    finally:
        await caller.stop()


async def test_c03_talk_begins_while_servers_for_candidates_are_silent(tmp_path: Path) -> None:
    """[C03] Neither answers; the TURN server is shown that its secret is known."""
    async with AsyncExitStack() as stack:
        turn, silent = await TurnServer.open(SECRET), await TurnServer.open(SECRET)
        stack.callback(turn.close)
        stack.callback(silent.close)
        stun_url = f"stun:{silent.host}:{silent.port}"
        turn_url = f"turn:{turn.host}:{turn.port}?transport=udp"
        ice = f'stun = ["{stun_url}"]\nturn = ["{turn_url}"]\nturn_secret = "{SECRET}"'
        server = RunningServer(tmp_path / "server", extra=f"\n[ice]\n{ice}\n")
        await stack.enter_async_context(server)
        anna, _ = await stack.enter_async_context(talking(server, tmp_path))
        page = anna.page
        # Once there is a way, browsers look for no other: at first there is none.
        way = await detour(page, 0, stack, is_cut=True)
        await until_talking(server)
        assert await page.evaluate("connections[0].iceGatheringState") == "gathering"
        await turn.until(lambda: bool(turn.accepted), seconds=10)
        stun, relay = await page.evaluate("connections[0].getConfiguration().iceServers")
        assert (stun["urls"], relay["urls"]) == ([stun_url], [turn_url])
        assert set(turn.accepted) == {relay["username"]}
        assert turn.refused == []
        way.is_cut = False
        await anna.hears(CALLER, of=ALL)
        assert SECRET not in server.log + str(relay)


async def test_c04_talk_goes_on_within_ten_seconds_of_the_networks_return(tmp_path: Path) -> None:
    """[C04] Connection and sound both go away; the old way never comes back, a new one is found."""
    async with AsyncExitStack() as stack:
        way = await stack.enter_async_context(tcp_detour())
        url = f'ws_url = "ws://127.0.0.1:{way.port}/"'
        server = RunningServer(tmp_path / "server", sip_extra=url)
        way.server = ("127.0.0.1", server.ws_port)
        await stack.enter_async_context(server)
        anna, caller = await stack.enter_async_context(talking(server, tmp_path))
        page = anna.page
        first = await detour(page, 0, stack)
        await anna.hears(CALLER, of=ALL)
        way.is_cut = first.is_cut = True
        await page.wait_for_function("() => connections[0].connectionState == 'disconnected'")
        await anna.hears(of=ALL)
        way.break_all()
        way.is_cut = False
        async with asyncio.timeout(10):
            second = await detour(page, 1, stack)
            await anna.hears(CALLER, of=ALL)
        assert second.passed > 0
        assert await page.evaluate("connections.length") == 1
        before, after = await page.evaluate("asked.map(one => one.ufrag)")
        assert before != after
        await asyncio.sleep(2)
        [live] = await server.get("/calls/live")
        assert live["state"] == "talking"
        await page.keyboard.press("F9")
        await caller.wait_for("CALL_CLOSED")
        await caller.stop()
        [heard], rate = read_channels(caller.heard[0])
        assert seconds_of_tone(heard[-2 * rate :], rate, VOICE) > 1, "what it says goes on as well"


async def until_talking(server: RunningServer) -> None:
    async with asyncio.timeout(10):
        while [call["state"] for call in await server.get("/calls/live")] != ["talking"]:
            await asyncio.sleep(0.05)


async def detour(
    page: Page, number: int, stack: AsyncExitStack, *, is_cut: bool = False
) -> UdpDetour:
    """The way that the page takes to the address it was given as the n-th."""
    asked = await page.wait_for_function(f"() => window.asked[{number}]?.port")
    port = await asked.json_value()
    made = await UdpDetour.to(("127.0.0.1", port))
    stack.callback(made.close)
    made.is_cut = is_cut
    await page.evaluate(f"window.detours[{number}] = {made.port}")
    return made
