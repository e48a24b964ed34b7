"""A browser, played by aiortc, and a secure leg of the real engine."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio
from aioice import stun

from config.settings import MediaSettings
from media.codecs import Codec
from media.engine import MediaEngine, StreamParameters
from media.events import StrangerRefused
from telephony.webrtc.parameters import Fingerprint
from telephony.webrtc.session import SessionState
from tests.support.audio import read_channels, share_of_tone
from tests.support.browser import Browser
from tests.support.rtp_peer import RATE, RtpPeer, tone
from tests.support.webrtc_agent import Agent, heard_by

CLEAR = 0.9


@pytest.fixture(autouse=True)
def only_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aioice.ice.get_host_addresses", lambda **_: ["127.0.0.1"])


@pytest_asyncio.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


@pytest_asyncio.fixture
async def engine(stack: AsyncExitStack) -> MediaEngine:
    engine = MediaEngine(MediaSettings.model_validate({"shards": 1}), alarm=print)
    await engine.start()
    stack.push_async_callback(engine.stop)
    return engine


@pytest_asyncio.fixture
async def agent(engine: MediaEngine, stack: AsyncExitStack) -> Agent:
    agent = Agent(engine)
    stack.push_async_callback(agent.session.close)
    return agent


@pytest_asyncio.fixture
async def browser(stack: AsyncExitStack, only_loopback: None) -> Browser:
    browser = Browser(440)
    stack.push_async_callback(browser.close)
    return browser


async def test_both_hear_each_other(engine: MediaEngine, agent: Agent, browser: Browser) -> None:
    await browser.take_answer(agent.take_offer(await browser.offer()))
    await agent.connected()
    await asyncio.sleep(0.3)
    heard = await heard_by(engine, agent.leg, 600)
    assert share_of_tone(heard[1_600:], RATE, 440) > CLEAR
    agent.leg.play(tone(1_000, 0, RATE * 5))
    assert share_of_tone(await browser.hear(400), RATE, 1_000) > CLEAR
    figures = agent.leg.statistics()
    assert figures.packets_received > 20
    assert figures.packets_sent > 20
    assert figures.latched


async def test_we_may_offer_and_the_browser_answers(
    engine: MediaEngine, agent: Agent, browser: Browser
) -> None:
    offer = agent.description.make_offer()
    answer = await browser.answer(offer)
    # Its checks are here already, and wait for what the answer says.
    await asyncio.sleep(0.2)
    assert agent.told == []
    agent.take_answer(answer)
    await agent.connected()
    agent.leg.play(tone(1_000, 0, RATE * 5))
    assert share_of_tone(await browser.hear(400), RATE, 1_000) > CLEAR
    heard = await heard_by(engine, agent.leg, 600)
    assert share_of_tone(heard[1_600:], RATE, 440) > CLEAR


async def test_a_browser_and_a_plain_phone_share_a_bridge_and_a_recording(
    engine: MediaEngine, agent: Agent, browser: Browser, stack: AsyncExitStack, tmp_path: Path
) -> None:
    phone = await stack.enter_async_context(await RtpPeer.open())
    plain = engine.open_leg(lambda _: None, near=agent.leg)
    plain.set_stream(
        StreamParameters(
            remote=phone.address,
            codec=Codec.PCMU,
            send_payload_type=0,
            receive_payload_types={0: Codec.PCMU},
        )
    )
    phone.target = plain.address
    bridge = engine.open_bridge(agent.leg)
    bridge.add(agent.leg)
    bridge.add(plain)
    await browser.take_answer(agent.take_offer(await browser.offer()))
    await agent.connected()
    phone.say(1_000)
    assert share_of_tone(await browser.hear(400), RATE, 1_000) > CLEAR
    recording = engine.record(tmp_path / "call.wav", left=agent.leg, right=plain)
    assert share_of_tone(await phone.hear(600), RATE, 440) > CLEAR
    await recording.stop()
    (left, right), rate = read_channels(tmp_path / "call.wav")
    assert share_of_tone(left, rate, 440) > CLEAR
    assert share_of_tone(right, rate, 1_000) > CLEAR


async def test_a_certificate_that_was_not_announced_is_refused_and_nothing_heard(
    engine: MediaEngine, agent: Agent, browser: Browser
) -> None:
    answer, agreed = agent.description.receive_offer(await browser.offer())
    agent.set_stream(agreed)
    assert agent.description.remote is not None
    wrong = Fingerprint("sha-256", ":".join(["AB"] * 32))
    agent.session.start(replace(agent.description.remote, fingerprints=(wrong,)))
    await browser.take_answer(answer)
    await agent.until(lambda: bool(agent.told))
    assert agent.told == ["failed: the browser's certificate is not the one it announced"]
    assert agent.session.state is SessionState.ENDED
    agent.leg.play(tone(1_000, 0, RATE * 5))
    assert not (await heard_by(engine, agent.leg, 400)).any()
    assert not browser.has_heard_anything
    assert agent.leg.statistics().packets_received == 0


async def test_strangers_neither_move_the_stream_nor_end_it(
    engine: MediaEngine, agent: Agent, browser: Browser, stack: AsyncExitStack
) -> None:
    await browser.take_answer(agent.take_offer(await browser.offer()))
    await agent.connected()
    stranger = await stack.enter_async_context(await RtpPeer.open())
    stranger.target = agent.leg.address
    stranger.say(1_700)
    check = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
    ours, theirs = agent.session.local.credentials, agent.description.remote
    assert theirs is not None
    check.attributes["USERNAME"] = f"{ours.ufrag}:{theirs.credentials.ufrag}"
    check.attributes["PRIORITY"] = 1
    check.attributes["USE-CANDIDATE"] = None
    check.add_message_integrity(b"a guess of the password")
    close_notify = bytes([21, 254, 253, 0, 1, 0, 0, 0, 0, 0, 9, 0, 2, 1, 0])
    for _ in range(20):
        stranger.send_raw(bytes(check))
        stranger.send_raw(close_notify)
        await asyncio.sleep(0.02)
    agent.leg.play(tone(1_000, 0, RATE * 5))
    assert share_of_tone(await browser.hear(400), RATE, 1_000) > CLEAR
    heard = await heard_by(engine, agent.leg, 600)
    assert share_of_tone(heard, RATE, 440) > CLEAR
    assert stranger.packets == []
    assert agent.told == ["connected"]
    assert StrangerRefused() in agent.events
    assert agent.leg.statistics().packets_refused > 20


async def test_a_browser_that_closes_is_noticed(agent: Agent, browser: Browser) -> None:
    await browser.take_answer(agent.take_offer(await browser.offer()))
    await agent.connected()
    await browser.hear(60)  # so it is connected, too
    await browser.connection.close()
    await agent.until(lambda: len(agent.told) > 1)
    assert agent.told[1:] == ["lost: the browser closed the connection"]


async def test_our_goodbye_reaches_the_browser(agent: Agent, browser: Browser) -> None:
    await browser.take_answer(agent.take_offer(await browser.offer()))
    await agent.connected()
    transport = browser.connection.getSenders()[0].transport
    browser.connection.on("connectionstatechange", browser.changed)
    await agent.session.close()
    await agent.session.close()
    await browser.until(lambda: transport.state == "closed")
    await agent.leg.close()
    assert agent.told == ["connected"]
