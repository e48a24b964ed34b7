"""A real Chromium on a secure leg: what it hears and says, keys, hold, and a restart of ICE."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio
from playwright.async_api import Page

from config.settings import MediaSettings
from media.engine import MediaEngine
from media.events import DtmfReceived
from tests.support.audio import share_of_tone, write_tone
from tests.support.chromium import PROGRAM, opened_page
from tests.support.rtp_peer import RATE, tone
from tests.support.webrtc_agent import Agent, heard_by

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.skipif(not PROGRAM.exists(), reason="Chromium is not installed here"),
]

PAGE = """<script>
const pc = new RTCPeerConnection();
let analyser, context, sender;
pc.ontrack = event => {
  context = new AudioContext();
  analyser = context.createAnalyser();
  analyser.fftSize = 8192;
  context.createMediaStreamSource(event.streams[0]).connect(analyser);
  const player = new Audio();
  player.srcObject = event.streams[0];
  player.play();
};
async function listen() {
  const off = {echoCancellation: false, noiseSuppression: false, autoGainControl: false};
  const stream = await navigator.mediaDevices.getUserMedia({audio: off});
  sender = pc.addTrack(stream.getTracks()[0], stream);
}
async function gathered(description) {
  await pc.setLocalDescription(description);
  while (pc.iceGatheringState != 'complete') await new Promise(r => setTimeout(r, 20));
  return pc.localDescription.sdp;
}
async function offer(options) { return gathered(await pc.createOffer(options)); }
async function takeAnswer(sdp) { await pc.setRemoteDescription({type: 'answer', sdp}); }
async function answer(sdp) {
  await pc.setRemoteDescription({type: 'offer', sdp});
  return gathered(await pc.createAnswer());
}
function loudest() {
  const bins = new Float32Array(analyser.frequencyBinCount);
  analyser.getFloatFrequencyData(bins);
  let best = 0;
  for (let i = 0; i < bins.length; i++) if (bins[i] > bins[best]) best = i;
  return bins[best] < -80 ? 0 : best * context.sampleRate / analyser.fftSize;
}
async function stats() {
  const found = {};
  for (const [, s] of await pc.getStats()) {
    if (s.type == 'transport') Object.assign(found, {srtp: s.srtpCipher, tls: s.tlsVersion});
    if (s.type == 'inbound-rtp')
      Object.assign(found, {got: s.packetsReceived, lost: s.packetsLost});
    if (s.type == 'remote-inbound-rtp') Object.assign(found, {trip: s.roundTripTime});
  }
  return found;
}
</script>"""


class Call:
    def __init__(self, page: Page, engine: MediaEngine, agent: Agent) -> None:
        self.page = page
        self.engine = engine
        self.agent = agent

    async def offer(self, options: str = "{}") -> None:
        """By the browser: the first one, or a change."""
        offer = await self.page.evaluate(f"offer({options})")
        answer = self.agent.take_offer(offer.encode()).decode()
        await self.page.evaluate(f"takeAnswer({json.dumps(answer)})")

    async def be_offered(self, *, direction: str = "sendrecv") -> None:
        offer = self.agent.description.make_offer(direction=direction).decode()
        self.agent.take_answer((await self.page.evaluate(f"answer({json.dumps(offer)})")).encode())

    async def hears(self, frequency: float) -> None:
        """Until the page hears that tone, or nothing for 0."""
        async with asyncio.timeout(10):
            while abs(await self.page.evaluate("loudest()") - frequency) > 15:
                await asyncio.sleep(0.1)

    async def is_heard(self) -> bool:
        heard = await heard_by(self.engine, self.agent.leg, 1_000)
        return share_of_tone(heard[4_000:], RATE, 440) > 0.9


@pytest_asyncio.fixture
async def call(tmp_path: Path) -> AsyncIterator[Call]:
    async with AsyncExitStack() as stack:
        engine = MediaEngine(
            MediaSettings.model_validate({"shards": 1, "rtp_timeout_seconds": 300}), alarm=print
        )
        await engine.start()
        stack.push_async_callback(engine.stop)
        agent = Agent(engine)
        stack.push_async_callback(agent.session.close)
        write_tone(tmp_path / "microphone.wav", 440)
        page = await stack.enter_async_context(
            opened_page(PAGE, microphone=tmp_path / "microphone.wav")
        )
        await page.evaluate("listen()")
        yield Call(page, engine, agent)


async def test_a_call_that_the_browser_offers(call: Call) -> None:
    await call.offer()
    await call.agent.connected()
    call.agent.leg.play(tone(1_000, 0, RATE), loop=True)
    await call.hears(1_000)
    # A press of a key; the pause is Chromium's own.
    await call.page.evaluate("sender.dtmf.insertDTMF('5#')")
    await call.agent.until(
        lambda: [e.digit for e in call.agent.events if isinstance(e, DtmfReceived)] == ["5", "#"]
    )
    call.agent.leg.stop_playing()
    assert await call.is_heard()
    call.agent.leg.play(tone(1_000, 0, RATE), loop=True)
    async with asyncio.timeout(30):  # until both have reported on what the other had sent
        while "trip" not in (told := await call.page.evaluate("stats()")):
            await asyncio.sleep(0.2)
        while call.agent.leg.statistics().round_trip_ms is None:
            await asyncio.sleep(0.2)
    assert told["srtp"] == "AEAD_AES_256_GCM"
    assert told["lost"] == 0
    assert told["got"] > 50
    assert call.agent.leg.statistics().packets_lost == 0
    await call.page.evaluate("pc.close()")
    await call.agent.until(lambda: len(call.agent.told) > 1)
    assert call.agent.told[1:] == ["lost: the browser closed the connection"]


async def test_hold_from_both_sides_and_a_restart_of_ice(call: Call) -> None:
    await call.offer()
    await call.agent.connected()
    call.agent.leg.play(tone(1_000, 0, RATE), loop=True)
    await call.hears(1_000)
    before = call.agent.session.local.credentials

    await call.page.evaluate("pc.getTransceivers()[0].direction = 'sendonly'")
    await call.offer()
    negotiated = call.agent.description.negotiated
    assert negotiated is not None
    assert negotiated.remote_held
    await call.hears(0)
    await call.page.evaluate("pc.getTransceivers()[0].direction = 'sendrecv'")
    await call.offer()
    await call.hears(1_000)

    await call.be_offered(direction="inactive")
    await call.hears(0)
    await call.be_offered()
    await call.page.evaluate("pc.getTransceivers()[0].direction = 'sendrecv'")
    await call.hears(1_000)
    assert call.agent.session.local.credentials == before

    await call.offer("{iceRestart: true}")
    assert call.agent.session.local.credentials != before
    async with asyncio.timeout(10):
        while await call.page.evaluate("pc.iceConnectionState") != "connected":
            await asyncio.sleep(0.1)
    # Longer than the old consent would last, were its checks all that is counted.
    await asyncio.sleep(31)
    await call.hears(1_000)
    call.agent.leg.stop_playing()
    assert await call.is_heard()
    assert call.agent.told == ["connected"]


async def test_a_call_that_we_offer(call: Call) -> None:
    await call.be_offered()
    await call.agent.connected()
    call.agent.leg.play(tone(1_000, 0, RATE), loop=True)
    await call.hears(1_000)
    call.agent.leg.stop_playing()
    assert await call.is_heard()


async def test_video_is_refused_and_the_sound_goes_on(call: Call) -> None:
    await call.page.evaluate("pc.addTransceiver('video') && 1")
    await call.offer()
    await call.agent.connected()
    call.agent.leg.play(tone(1_000, 0, RATE), loop=True)
    await call.hears(1_000)
    await call.be_offered(direction="inactive")
    await call.hears(0)
    await call.offer()
    await call.be_offered()
    await call.hears(1_000)


async def test_a_browser_whose_certificate_was_not_announced(call: Call) -> None:
    offer = (await call.page.evaluate("offer()")).encode()
    at = offer.index(b"a=fingerprint:sha-256 ") + 22
    wrong = offer[:at] + b":".join([b"00"] * 32) + offer[at + 95 :]
    answer = call.agent.take_offer(wrong).decode()
    await call.page.evaluate(f"takeAnswer({json.dumps(answer)})")
    await call.agent.until(lambda: bool(call.agent.told))
    assert call.agent.told == ["failed: the browser's certificate is not the one it announced"]
    assert not np.any(await heard_by(call.engine, call.agent.leg, 300))
