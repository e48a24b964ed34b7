"""Browsers behind other networks: STUN and TURN servers, and a network that goes away in a talk.

Rows of the feature list: C03 set-up without waiting for candidates, C04 a talk survives a change of
the network.
"""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.acceptance.test_desktop import AGENT, ALL, CALLER, until_state
from tests.support.audio import read_channels, seconds_of_tone, write_tone
from tests.support.baresip import Baresip
from tests.support.chromium import PROGRAM, browser
from tests.support.desk import Person
from tests.support.detour import UdpDetour
from tests.support.running_server import RunningServer
from tests.support.turn_server import TurnServer

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.skipif(not PROGRAM.exists(), reason="Chromium is not installed here"),
]

SECRET = "a-secret-of-the-turn-server"

DETOURED = """
window.connections = []; window.asked = []; window.detours = [];
window.RTCPeerConnection = class extends RTCPeerConnection {
  constructor(...given) {
    super(...given);
    window.connections.push(this);
  }
};
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


async def talking(
    server: RunningServer, folder: Path, stack: AsyncExitStack
) -> tuple[Person, Baresip]:
    """An agent at the desk who has just taken a call of sales, and the caller."""
    microphone = folder / "voice.wav"
    write_tone(microphone, AGENT)
    account = server.account("outside", "regint=0").replace(";regint=60", "")
    caller = Baresip(folder / "caller", account, tone=CALLER)
    stack.push_async_callback(caller.stop)
    await caller.start()
    chromium = await stack.enter_async_context(browser(microphone))
    anna = await Person.at(server, chromium, "agent1", script=DETOURED)
    await anna.begin_shift("1001")
    await caller.dial(server.uri("5000"))
    await caller.wait_for("CALL_ESTABLISHED")
    await caller.press("1")
    await anna.incoming.wait_for()
    await anna.page.keyboard.press("F2")
    return anna, caller


async def until(anna: Person, expression: str) -> None:
    async with asyncio.timeout(30):
        while not await anna.page.evaluate(expression):
            await asyncio.sleep(0.05)


async def detour(
    anna: Person, number: int, stack: AsyncExitStack, *, is_cut: bool = False
) -> UdpDetour:
    """The way that the page takes to the address it was given as the n-th."""
    await until(anna, f"asked.length > {number}")
    port = await anna.page.evaluate(f"asked[{number}].port")
    made = await UdpDetour.to(("127.0.0.1", port))
    stack.callback(made.close)
    made.is_cut = is_cut
    await anna.page.evaluate(f"detours[{number}] = {made.port}")
    return made


async def test_c03_talk_begins_while_servers_for_candidates_are_silent(tmp_path: Path) -> None:
    """Neither answers; the TURN server is shown that its secret is known."""
    async with AsyncExitStack() as stack:
        turn, silent = await TurnServer.open(SECRET), await TurnServer.open(SECRET)
        if turn is None or silent is None:
            pytest.skip("this machine has no network")
        stack.callback(turn.close)
        stack.callback(silent.close)
        stun_url = f"stun:{silent.host}:{silent.port}"
        turn_url = f"turn:{turn.host}:{turn.port}?transport=udp"
        ice = f'stun = ["{stun_url}"]\nturn = ["{turn_url}"]\nturn_secret = "{SECRET}"'
        server = RunningServer(tmp_path / "server", extra=f"\n[ice]\n{ice}\n")
        await stack.enter_async_context(server)
        anna, _ = await talking(server, tmp_path, stack)
        # Once there is a way, browsers look for no other: at first there is none.
        way = await detour(anna, 0, stack, is_cut=True)
        await until_state(server, "talking")
        assert await anna.page.evaluate("connections[0].iceGatheringState") == "gathering"
        await turn.until(lambda: bool(turn.accepted), seconds=10)
        stun, relay = await anna.page.evaluate("connections[0].getConfiguration().iceServers")
        assert (stun["urls"], relay["urls"]) == ([stun_url], [turn_url])
        assert set(turn.accepted) == {relay["username"]}
        assert turn.refused == []
        way.is_cut = False
        await anna.hears(CALLER, of=ALL)
        assert SECRET not in server.log + str(relay)


async def test_c04_talk_goes_on_within_ten_seconds_of_the_networks_return(tmp_path: Path) -> None:
    """Signalling and sound both go away. The old way never comes back; a new one is found."""
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(RunningServer(tmp_path / "server"))
        anna, caller = await talking(server, tmp_path, stack)
        first = await detour(anna, 0, stack)
        await anna.hears(CALLER, of=ALL)
        first.is_cut = True
        await anna.lose_network()
        await until(anna, "connections[0].connectionState == 'disconnected'")
        await anna.hears(of=ALL)
        await anna.find_network()
        async with asyncio.timeout(10):
            second = await detour(anna, 1, stack)
            await anna.hears(CALLER, of=ALL)
        assert second.passed > 0
        before, after = await anna.page.evaluate("asked.map(one => one.ufrag)")
        assert before != after
        assert await anna.page.evaluate("connections.length") == 1
        await asyncio.sleep(2)
        await until_state(server, "talking")
        await anna.press("Hang up")
        await caller.wait_for("CALL_CLOSED")
        await caller.stop()
        [heard], rate = read_channels(caller.heard[0])
        assert seconds_of_tone(heard[-2 * rate :], rate, AGENT) > 1, "what it says goes on as well"
