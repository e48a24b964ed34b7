"""Legs with Opus in the real engine: what is heard between them, with G.711, and of prompts."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from itertools import pairwise
from math import inf
from pathlib import Path

import numpy as np
import pytest_asyncio

from config.settings import MediaSettings
from media.codecs import Codec
from media.engine import MediaBridge, MediaEngine, MediaLeg, StreamParameters
from media.events import DtmfReceived, LegMediaEvent
from tests.support.audio import level_db, read_channels, share_of_tone
from tests.support.opus_peer import RATE as WIDE, OpusPeer
from tests.support.rtp_peer import EVENT_TYPE, RATE, RtpPeer, tone

CLEAR = 0.9
"""The share of a tone that is what one hears, even if a loaded machine was late with a frame."""
HIGH = 5_000
"""Hz: what a telephone cannot say."""


@dataclass(frozen=True, slots=True)
class Party:
    leg: MediaLeg
    peer: RtpPeer
    told: list[LegMediaEvent]
    stream: StreamParameters


class Centre:
    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack
        settings = MediaSettings.model_validate({"shards": 1})
        self.engine = MediaEngine(settings, alarm=lambda _: None)

    async def party(self, codec: Codec, *, near: Party | None = None) -> Party:
        kind = OpusPeer if codec is Codec.OPUS else RtpPeer
        peer = await kind.open(codec=codec)
        self._stack.callback(peer.close)
        told: list[LegMediaEvent] = []
        leg = self.engine.open_leg(told.append, near=near.leg if near else None)
        stream = StreamParameters(
            remote=peer.address,
            codec=codec,
            send_payload_type=codec.payload_type,
            receive_payload_types={codec.payload_type: codec},
            dtmf_send_payload_type=EVENT_TYPE,
            dtmf_receive_payload_type=EVENT_TYPE,
            dtmf_clock_rate=codec.clock_rate,
        )
        leg.set_stream(stream)
        peer.target = leg.address
        return Party(leg, peer, told, stream)

    def bridge(self, *parties: Party) -> MediaBridge:
        bridge = self.engine.open_bridge(parties[0].leg)
        for party in parties:
            bridge.add(party.leg)
        return bridge


@pytest_asyncio.fixture
async def centre() -> AsyncIterator[Centre]:
    async with AsyncExitStack() as stack:
        centre = Centre(stack)
        await centre.engine.start()
        stack.push_async_callback(centre.engine.stop)
        yield centre


async def pair(centre: Centre, one: Codec, other: Codec) -> tuple[Party, Party, MediaBridge]:
    ann = await centre.party(one)
    bob = await centre.party(other, near=ann)
    return ann, bob, centre.bridge(ann, bob)


async def test_two_with_opus_hear_what_no_telephone_can_say(centre: Centre) -> None:
    ann, bob, _ = await pair(centre, Codec.OPUS, Codec.OPUS)
    ann.peer.say(HIGH)
    bob.peer.say(6_500)
    await ann.peer.hear(300)
    for_ann, for_bob = await asyncio.gather(ann.peer.hear(400), bob.peer.hear(400))
    assert share_of_tone(for_ann, WIDE, 6_500) > CLEAR
    assert share_of_tone(for_bob, WIDE, HIGH) > CLEAR
    assert level_db(for_bob) > -20
    packets = bob.peer.audio_packets()
    steps = {(b.timestamp - a.timestamp) % 2**32 for a, b in pairwise(packets)}
    assert steps == {960}
    assert {packet.payload_type for packet in packets} == {111}


async def test_opus_and_g711_hear_each_other_without_what_would_fold(centre: Centre) -> None:
    ann, bob, _ = await pair(centre, Codec.OPUS, Codec.PCMU)
    ann.peer.say(1_000)
    bob.peer.say(2_000)
    await ann.peer.hear(300)
    for_ann, for_bob = await asyncio.gather(ann.peer.hear(400), bob.peer.hear(400))
    assert share_of_tone(for_ann, WIDE, 2_000) > CLEAR
    assert share_of_tone(for_bob, RATE, 1_000) > CLEAR
    assert abs(level_db(for_ann) - level_db(for_bob)) < 2
    ann.peer.say(HIGH)  # would fold to 3000 Hz
    await bob.peer.hear(300)
    assert level_db(await bob.peer.hear(300)) < -55


async def test_three_of_two_codecs_hear_the_other_two_as_loud_as_they_are(centre: Centre) -> None:
    ann, bob, bridge = await pair(centre, Codec.OPUS, Codec.PCMA)
    cid = await centre.party(Codec.OPUS, near=ann)
    bridge.add(cid.leg)
    parties, tones = (ann, bob, cid), (440, 1_000, 1_700)
    for party, frequency in zip(parties, tones, strict=True):
        party.peer.say(frequency)
    await ann.peer.hear(300)
    heard = await asyncio.gather(*(party.peer.hear(400) for party in parties))
    for own, party, sound in zip(tones, parties, heard, strict=True):
        for frequency in tones:
            share = share_of_tone(sound, party.peer.rate, frequency)
            assert share < 0.01 if frequency == own else 0.4 < share < 0.6


async def test_a_whisper_is_wide_and_is_not_heard_by_the_telephone(centre: Centre) -> None:
    caller, agent, bridge = await pair(centre, Codec.PCMU, Codec.OPUS)
    boss = await centre.party(Codec.OPUS, near=caller)
    bridge.add(boss.leg, silent=True)
    bridge.set_gain(boss.leg, agent.leg, 0.0)
    caller.peer.say(440)
    boss.peer.say(HIGH)
    await agent.peer.hear(300)
    for_agent, for_caller = await asyncio.gather(agent.peer.hear(400), caller.peer.hear(400))
    assert 0.4 < share_of_tone(for_agent, WIDE, 440) < 0.6
    assert 0.4 < share_of_tone(for_agent, WIDE, HIGH) < 0.6
    assert level_db(for_caller) < -55
    bridge.set_gain(caller.leg, agent.leg, -inf)
    await agent.peer.hear(200)
    assert share_of_tone(await agent.peer.hear(300), WIDE, HIGH) > CLEAR


async def test_a_prompt_is_played_to_opus(centre: Centre) -> None:
    ann = await centre.party(Codec.OPUS)
    playback = ann.leg.play(tone(700, 0, RATE))
    await ann.peer.hear(200)
    heard = await ann.peer.hear(500)
    assert share_of_tone(heard, WIDE, 700) > CLEAR
    assert await playback.finished()
    await ann.peer.hear(200)
    assert level_db(await ann.peer.hear(300)) < -60


async def test_opus_is_recorded_and_tapped_at_the_rate_of_telephones(
    centre: Centre, tmp_path: Path
) -> None:
    ann, bob, _ = await pair(centre, Codec.OPUS, Codec.OPUS)
    ann.peer.say(440)
    bob.peer.say(1_000)
    await ann.peer.hear(300)
    recording = centre.engine.record(tmp_path / "call.wav", left=ann.leg, right=bob.leg)
    tap = centre.engine.tap(ann.leg)
    assert await ann.leg.play(np.zeros(RATE, np.int16)).finished()
    tapped = np.concatenate(tap.read()) / 32_768
    result = await recording.stop()
    (left, right), rate = read_channels(tmp_path / "call.wav")
    assert rate == RATE
    assert result.complete
    assert abs(result.duration_ms - 1_000) <= 60
    assert share_of_tone(left, rate, 440) > CLEAR
    assert share_of_tone(right, rate, 1_000) > CLEAR
    assert share_of_tone(tapped, RATE, 440) > CLEAR
    assert abs(len(tapped) - RATE) <= 480


async def test_lost_late_and_doubled_packets_leave_the_tone(centre: Centre) -> None:
    ann, bob, _ = await pair(centre, Codec.OPUS, Codec.OPUS)
    patterns: dict[int, tuple[int, ...]] = {3: (), 5: (), 6: (6, 5), 8: (8, 8), 12: (), 16: ()}

    def mangled(turn: int) -> list[int]:
        first = turn - turn % 20
        return [first + n for n in patterns.get(turn % 20, (turn % 20,))]

    ann.peer.say(440, pattern=mangled)
    await ann.peer.said(20)
    await bob.peer.hear(100)
    assert share_of_tone(await bob.peer.hear(1_000), WIDE, 440) > 0.8
    statistics = ann.leg.statistics()
    assert 1 <= statistics.packets_lost <= 8
    assert statistics.packets_refused == 0


async def test_keys_are_told_in_the_clock_of_opus(centre: Centre) -> None:
    ann, bob, _ = await pair(centre, Codec.OPUS, Codec.OPUS)
    ann.peer.say(440, frames=20)
    await ann.peer.said(20)
    ann.peer.press(5, milliseconds=100)
    bob.leg.send_digits("7", tone_ms=60)
    await bob.peer.until(lambda: len(bob.peer.key_packets()) >= 5)
    assert [p.payload[2:] for p in bob.peer.key_packets()][:3] == [
        duration.to_bytes(2, "big") for duration in (960, 1_920, 2_880)
    ]
    await bob.peer.until(lambda: bool(ann.told[1:]))
    assert DtmfReceived("5", 100) in ann.told


async def test_a_leg_may_change_to_g711_and_back(centre: Centre) -> None:
    """As when a call is passed on to a phone, and the browser is told anew."""
    ann, bob, _ = await pair(centre, Codec.OPUS, Codec.OPUS)
    ann.peer.say(HIGH)
    await bob.peer.hear(300)
    narrow = replace(bob.stream, codec=Codec.PCMU, send_payload_type=0, dtmf_clock_rate=8_000)
    bob.leg.set_stream(replace(narrow, receive_payload_types={0: Codec.PCMU}))
    since = len(bob.peer.packets)
    await bob.peer.until(lambda: any(p.payload_type == 0 for p in bob.peer.packets[since:]))
    bob.leg.set_stream(bob.stream)
    since = len(bob.peer.packets)
    await bob.peer.until(lambda: any(p.payload_type == 111 for p in bob.peer.packets[since:]))
    await bob.peer.hear(200)
    assert share_of_tone(await bob.peer.hear(300), WIDE, HIGH) > CLEAR
