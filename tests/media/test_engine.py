"""The real engine on the loopback: what parties hear, refuse, record and report."""

import asyncio
import os
import struct
import time
import wave
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from itertools import pairwise
from math import inf
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio

from config.settings import MediaSettings
from media.codecs import Codec
from media.engine import MediaBridge, MediaEngine, MediaFlow, MediaLeg, StreamParameters
from media.errors import EngineStopped, NoPortLeft, OverCapacity
from media.events import (
    DtmfReceived,
    LegMediaEvent,
    MediaTimedOut,
    SourceLatched,
    StrangerRefused,
)
from tests.support.audio import level_db, read_channels, share_of_tone
from tests.support.free_ports import free_port_block
from tests.support.rtp_peer import EVENT_TYPE, RATE, Changing, RtpPeer, report_block, tone

STEEPEST = 2 * np.pi * 400 / RATE * 8_000 / 32_768
"""What a 400 Hz tone of our peers moves from one sample to the next, at most."""

CLEAR = 0.9
"""The share of a tone that is what one hears, even if a loaded machine was late with a frame."""


class Told(Changing):
    """The events of one leg."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[LegMediaEvent] = []

    def __call__(self, event: LegMediaEvent) -> None:
        self.events.append(event)
        self.changed()

    def of(self, kind: type[LegMediaEvent]) -> list[LegMediaEvent]:
        return [event for event in self.events if isinstance(event, kind)]


@dataclass(frozen=True, slots=True)
class Party:
    leg: MediaLeg
    peer: RtpPeer
    told: Told
    stream: StreamParameters

    def change(self, stream: StreamParameters) -> None:
        self.leg.set_stream(stream)

    def flow(self, flow: MediaFlow) -> None:
        self.leg.set_stream(replace(self.stream, flow=flow))


class Centre:
    """An engine and the parties of one test."""

    def __init__(self, stack: AsyncExitStack, **settings: int) -> None:
        self._stack = stack
        self.alarms: list[str] = []
        made = MediaSettings.model_validate({"shards": 1, **settings})
        self.engine = MediaEngine(made, alarm=self.alarms.append)

    async def phone(self, **options: object) -> RtpPeer:
        peer = await RtpPeer.open(**options)  # type: ignore[arg-type]
        self._stack.callback(peer.close)
        return peer

    async def party(
        self,
        *,
        near: Party | None = None,
        codec: Codec = Codec.PCMU,
        ptime_ms: int = 20,
        flow: MediaFlow = MediaFlow.SENDRECV,
    ) -> Party:
        peer = await self.phone(codec=codec, ptime_ms=ptime_ms)
        told = Told()
        leg = self.engine.open_leg(told, near=near.leg if near else None)
        stream = StreamParameters(
            remote=peer.address,
            codec=codec,
            send_payload_type=codec.payload_type,
            receive_payload_types={codec.payload_type: codec},
            dtmf_send_payload_type=EVENT_TYPE,
            dtmf_receive_payload_type=EVENT_TYPE,
            ptime_ms=ptime_ms,
            flow=flow,
        )
        leg.set_stream(stream)
        peer.target = leg.address
        return Party(leg, peer, told, stream)

    async def pair(self) -> tuple[Party, Party, MediaBridge]:
        ann = await self.party()
        bob = await self.party(near=ann)
        return ann, bob, self.bridge(ann, bob)

    def bridge(self, *parties: Party) -> MediaBridge:
        bridge = self.engine.open_bridge(parties[0].leg)
        for party in parties:
            bridge.add(party.leg)
        return bridge


@pytest_asyncio.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


async def opened(stack: AsyncExitStack, **settings: int) -> Centre:
    centre = Centre(stack, **settings)
    await centre.engine.start()
    stack.push_async_callback(centre.engine.stop)
    return centre


@pytest_asyncio.fixture
async def centre(stack: AsyncExitStack) -> Centre:
    return await opened(stack)


async def media_time(leg: MediaLeg, milliseconds: int) -> None:
    """Wait as long by the engine's own clock: play silence to a leg that nobody listens to."""
    assert await leg.play(np.zeros(milliseconds * 8, np.int16)).finished()


# --- bridges


async def test_parties_of_a_bridge_hear_each_other_and_not_themselves(centre: Centre) -> None:
    ann, bob, _ = await centre.pair()
    ann.peer.say(440)
    bob.peer.say(1_000)
    await ann.peer.hear(160)
    for_ann, for_bob = await asyncio.gather(ann.peer.hear(400), bob.peer.hear(400))
    assert share_of_tone(for_ann, RATE, 1_000) > CLEAR
    assert share_of_tone(for_ann, RATE, 440) < 0.001
    assert share_of_tone(for_bob, RATE, 440) > CLEAR
    assert share_of_tone(for_bob, RATE, 1_000) < 0.001


async def test_three_parties_each_hear_the_other_two(centre: Centre) -> None:
    ann, bob, bridge = await centre.pair()
    cid = await centre.party(near=ann)
    bridge.add(cid.leg)
    parties, tones = (ann, bob, cid), (440, 1_000, 1_700)
    for party, frequency in zip(parties, tones, strict=True):
        party.peer.say(frequency)
    await ann.peer.hear(160)
    heard = await asyncio.gather(*(party.peer.hear(400) for party in parties))
    for own, sound in zip(tones, heard, strict=True):
        for frequency in tones:
            share = share_of_tone(sound, RATE, frequency)
            assert share < 0.001 if frequency == own else 0.4 < share < 0.6


async def test_silenced_source_is_not_heard_by_that_listener_alone(centre: Centre) -> None:
    ann, bob, bridge = await centre.pair()
    bridge.set_gain(ann.leg, bob.leg, -inf)
    ann.peer.say(440)
    bob.peer.say(1_000)
    await ann.peer.hear(160)
    for_ann, for_bob = await asyncio.gather(ann.peer.hear(300), bob.peer.hear(300))
    assert share_of_tone(for_ann, RATE, 1_000) > CLEAR
    assert not for_bob.any()


async def test_gain_is_in_decibels(centre: Centre) -> None:
    ann, bob, bridge = await centre.pair()
    bridge.set_gain(ann.leg, bob.leg, -6.0)
    ann.peer.say(440)
    await bob.peer.hear(160)
    level = level_db(await bob.peer.hear(300))
    assert level == pytest.approx(20 * np.log10(8_000 / 32_768 / 2**0.5) - 6, abs=0.3)


async def test_own_gain_is_an_echo_test(centre: Centre) -> None:
    ann = await centre.party()
    bridge = centre.bridge(ann)
    bridge.set_gain(ann.leg, ann.leg, 0.0)
    ann.peer.say(440)
    await ann.peer.hear(160)
    assert share_of_tone(await ann.peer.hear(300), RATE, 440) > CLEAR


async def test_who_leaves_a_bridge_is_neither_heard_nor_hears(centre: Centre) -> None:
    ann, bob, bridge = await centre.pair()
    ann.peer.say(440)
    bob.peer.say(1_000)
    await ann.peer.hear(160)
    bridge.remove(ann.leg)
    await ann.peer.hear(80)
    for_ann, for_bob = await asyncio.gather(ann.peer.hear(200), bob.peer.hear(200))
    assert not for_ann.any()
    assert not for_bob.any()


async def test_legs_outlive_their_bridge(centre: Centre) -> None:
    ann, bob, bridge = await centre.pair()
    await bridge.close()
    await bridge.close()
    assert centre.engine.statistics().bridges == 0
    again = centre.bridge(ann, bob)
    ann.peer.say(440)
    await bob.peer.hear(160)
    assert share_of_tone(await bob.peer.hear(200), RATE, 440) > CLEAR
    await again.close()


# --- prompts


async def test_prompt_is_sent_sample_for_sample(centre: Centre) -> None:
    ann = await centre.party()
    prompt = tone(600, 0, 4_000)
    playback = ann.leg.play(prompt)
    assert await playback.finished() is True
    assert playback.played_ms == 500
    await ann.peer.hear(40)
    heard = ann.peer.heard_pcm()
    sounding = np.flatnonzero(np.abs(heard) > 100)
    assert 3_990 <= sounding[-1] - sounding[0] <= 4_000
    start = sounding[0] // 160 * 160
    assert np.abs(heard[start : start + 4_000] - prompt.astype(int)).max() <= 256


async def test_prompt_replaces_what_the_bridge_says(centre: Centre) -> None:
    ann, bob, _ = await centre.pair()
    bob.peer.say(1_000)
    await ann.peer.hear(160)
    playback = ann.leg.play(tone(440, 0, 3_200))
    await ann.peer.hear(40)
    during = await ann.peer.hear(200)
    assert await playback.finished() is True
    await ann.peer.hear(80)
    after = await ann.peer.hear(200)
    assert share_of_tone(during, RATE, 440) > CLEAR
    assert share_of_tone(after, RATE, 1_000) > CLEAR


async def test_barge_in_cuts_a_prompt_within_60_ms_of_sound(centre: Centre) -> None:
    ann = await centre.party()
    playback = ann.leg.play(tone(600, 0, 80_000))
    await ann.peer.hear(200)
    heard_before = int(np.count_nonzero(np.abs(ann.peer.heard_pcm()) > 100))
    ann.leg.stop_playing()
    assert await playback.finished() is False
    await ann.peer.hear(100)
    heard = int(np.count_nonzero(np.abs(ann.peer.heard_pcm()) > 100))
    assert heard - heard_before <= 60 * 8
    assert 140 <= playback.played_ms <= 200 + 120


async def test_loop_goes_on_without_a_seam(centre: Centre) -> None:
    ann = await centre.party()
    playback = ann.leg.play(tone(400, 0, 1_000), loop=True)  # 50 periods: it fits itself
    heard = await ann.peer.hear(600)
    assert not playback.is_over
    assert np.abs(np.diff(heard[320:])).max() < 1.2 * STEEPEST
    second = ann.leg.play(tone(600, 0, 160))
    assert await playback.finished() is False
    assert await second.finished() is True


async def test_empty_prompt_is_over_at_once(centre: Centre) -> None:
    ann = await centre.party()
    assert await ann.leg.play(np.zeros(0, np.int16)).finished() is True


# --- codecs and packet lengths


async def test_laws_are_translated_both_ways(centre: Centre) -> None:
    ann = await centre.party(codec=Codec.PCMU)
    bob = await centre.party(codec=Codec.PCMA, near=ann)
    centre.bridge(ann, bob)
    ann.peer.say(440)
    bob.peer.say(1_000)
    await ann.peer.hear(160)
    for_ann, for_bob = await asyncio.gather(ann.peer.hear(300), bob.peer.hear(300))
    assert share_of_tone(for_ann, RATE, 1_000) > CLEAR
    assert share_of_tone(for_bob, RATE, 440) > CLEAR
    assert {p.payload_type for p in ann.peer.packets} == {0}
    assert {p.payload_type for p in bob.peer.packets} == {8}


@pytest.mark.parametrize("ptime_ms", [10, 30, 40])
async def test_packet_length_is_the_peers_choice_both_ways(centre: Centre, ptime_ms: int) -> None:
    ann = await centre.party(ptime_ms=ptime_ms)
    bob = await centre.party(near=ann)
    centre.bridge(ann, bob)
    ann.peer.say(400)
    bob.peer.say(400)
    await ann.peer.hear(160)
    since = len(ann.peer.packets)
    for_ann, for_bob = await asyncio.gather(ann.peer.hear(360), bob.peer.hear(360))
    for heard in (for_ann, for_bob):
        assert share_of_tone(heard, RATE, 400) > CLEAR
        assert np.abs(np.diff(heard)).max() < 1.2 * STEEPEST
    packets = ann.peer.packets[since:]
    assert {len(p.payload) for p in packets} == {ptime_ms * 8}
    pairs = list(pairwise(packets))
    assert {(b.sequence - a.sequence) % 0x10000 for a, b in pairs} == {1}
    assert {(b.timestamp - a.timestamp) % 2**32 for a, b in pairs} == {ptime_ms * 8}


# --- keys


@pytest.mark.parametrize("ends", [3, 1, 0])
async def test_key_is_told_once_with_its_length(centre: Centre, ends: int) -> None:
    ann = await centre.party()
    ann.peer.press(5, milliseconds=100, ends=ends)
    await ann.told.until(lambda: bool(ann.told.of(DtmfReceived)))
    ann.peer.press(11, milliseconds=160, ends=ends)
    await ann.told.until(lambda: len(ann.told.of(DtmfReceived)) >= 2)
    await ann.peer.hear(160)
    assert ann.told.of(DtmfReceived) == [DtmfReceived("5", 100), DtmfReceived("#", 160)]


async def test_keys_are_sent_as_rfc_4733_wants(centre: Centre) -> None:
    ann = await centre.party()
    await ann.peer.hear(40)
    ann.leg.send_digits("1*", tone_ms=100, gap_ms=60)
    await ann.peer.until(lambda: len(ann.peer.key_packets()) >= 14)
    since = len(ann.peer.packets)
    await ann.peer.hear(100)
    keys = ann.peer.key_packets()
    assert len(keys) == 14
    first, second = keys[:7], keys[7:]
    for event, packets in ((1, first), (10, second)):
        fields = [struct.unpack("!BBH", p.payload) for p in packets]
        assert [f[0] for f in fields] == [event] * 7
        assert [f[1] >> 7 for f in fields] == [0, 0, 0, 0, 1, 1, 1]
        assert [f[2] for f in fields] == [160, 320, 480, 640, 800, 800, 800]
        assert [p.marker for p in packets] == [True] + [False] * 6
        assert len({p.timestamp for p in packets}) == 1
        sequences = [(p.sequence - packets[0].sequence) % 0x10000 for p in packets]
        assert sequences == list(range(7))
    pressed = (second[0].timestamp - first[0].timestamp) % 2**32
    assert pressed >= (100 + 60) * 8
    assert ann.peer.audio_packets(since=since)[0].payload_type == 0, "sound goes on"


async def test_each_key_keeps_its_own_length(centre: Centre) -> None:
    ann = await centre.party()
    ann.leg.send_digits("1", tone_ms=100)
    ann.leg.send_digits("2", tone_ms=40)
    ann.leg.send_digits("3", tone_ms=60_000)
    await ann.peer.until(lambda: len(ann.peer.key_packets()) >= 7 + 4 + 12)
    told = [struct.unpack("!BBH", p.payload) for p in ann.peer.key_packets()]
    assert max(duration for event, _, duration in told if event == 1) == 100 * 8
    assert max(duration for event, _, duration in told if event == 2) == 40 * 8
    endless = [duration for event, end, duration in told if event == 3 and end < 0x80]
    assert len(endless) >= 12


async def test_what_is_no_key_is_refused(centre: Centre) -> None:
    ann = await centre.party()
    with pytest.raises(ValueError, match="substring"):
        ann.leg.send_digits("1x")
    await ann.peer.hear(80)
    assert ann.peer.key_packets() == []


# --- who may be heard


async def test_stranger_is_never_heard_and_told_once(centre: Centre) -> None:
    ann, bob, _ = await centre.pair()
    ann.peer.say(440)
    await ann.told.until(lambda: bool(ann.told.of(SourceLatched)))
    stranger = await centre.phone()
    stranger.target = ann.leg.address
    stranger.ssrc = 99
    stranger.say(1_500)
    await ann.told.until(lambda: bool(ann.told.of(StrangerRefused)))
    heard = await bob.peer.hear(400)
    sent = stranger.frames_sent
    assert share_of_tone(heard, RATE, 1_500) < 0.001
    assert share_of_tone(heard, RATE, 440) > CLEAR
    assert stranger.packets == []
    assert len(ann.told.of(StrangerRefused)) == 1
    assert ann.told.of(SourceLatched) == [SourceLatched(ann.peer.address)]
    assert sent - 2 <= ann.leg.statistics().packets_refused <= stranger.frames_sent


async def test_garbage_is_refused_and_counted(centre: Centre) -> None:
    ann = await centre.party()
    garbage = [
        b"\x80",
        b"\x00" * 172,
        b"\xff" * 172,
        b"\x80\x60" + b"\x00" * 170,
        b"x" * 2_000,
    ]
    for data in garbage:
        ann.peer.send_raw(data)
    ann.peer.say(440, frames=5)
    await ann.peer.said(5)
    await ann.peer.hear(60)
    statistics = ann.leg.statistics()
    assert statistics.packets_refused == len(garbage)
    assert statistics.packets_received == 5
    assert statistics.packets_lost == 0


async def test_source_that_begins_a_new_stream_goes_on_being_heard(centre: Centre) -> None:
    ann, bob, _ = await centre.pair()
    ann.peer.say(440)
    await ann.peer.said(15)
    ann.peer.fall_silent()
    ann.peer.ssrc, ann.peer.sequence, ann.peer.timestamp = 77, 30_000, 123_456
    ann.peer.say(1_000)
    await bob.peer.hear(160)
    assert share_of_tone(await bob.peer.hear(200), RATE, 1_000) > CLEAR
    assert ann.leg.statistics().packets_lost == 0
    assert ann.leg.statistics().packets_refused == 0


async def test_timestamps_that_step_back_do_not_silence_a_party(centre: Centre) -> None:
    ann, bob, _ = await centre.pair()
    ann.peer.say(440)
    await ann.peer.said(15)
    ann.peer.fall_silent()
    ann.peer.timestamp -= 4_000
    ann.peer.say(1_000)
    await bob.peer.hear(500)
    assert share_of_tone(await bob.peer.hear(200), RATE, 1_000) > CLEAR


# --- networks


def lossy(turn: int) -> tuple[int, ...]:
    return () if turn % 8 == 5 else (turn,)


def disordered(turn: int) -> tuple[int, ...]:
    """Every fourth frame comes a turn later, after its successor."""
    if turn % 4 == 2:
        return ()
    return (turn, turn - 1) if turn % 4 == 3 else (turn,)


def repeated(turn: int) -> tuple[int, ...]:
    return (turn, turn)


async def test_lost_packets_are_counted_and_concealed_without_clicks(centre: Centre) -> None:
    ann, bob, _ = await centre.pair()
    ann.peer.say(400, frames=41, pattern=lossy)
    await ann.peer.said(6)
    since = len(bob.peer.packets)
    await ann.peer.said(41)
    heard = bob.peer.heard(since=since)
    assert np.abs(np.diff(heard)).max() < 1.5 * STEEPEST
    assert level_db(heard) > -18, "nothing is missing"
    await bob.peer.hear(100)
    statistics = ann.leg.statistics()
    assert statistics.packets_lost == 5
    assert statistics.packets_received == 36
    assert 5 <= statistics.frames_concealed < 20, "the lost ones, the end, and what came late"
    assert statistics.mos < 4.0


@pytest.mark.parametrize("pattern", [disordered, repeated])
async def test_wrong_order_and_repeats_are_not_heard(centre: Centre, pattern: type[object]) -> None:
    ann, bob, _ = await centre.pair()
    ann.peer.say(400, frames=41, pattern=pattern)  # type: ignore[arg-type]
    await ann.peer.said(10)
    since = len(bob.peer.packets)
    await ann.peer.said(40)
    heard = bob.peer.heard(since=since)
    assert np.abs(np.diff(heard)).max() < 1.2 * STEEPEST
    assert share_of_tone(heard, RATE, 400) > 0.98
    assert ann.leg.statistics().packets_lost == 0


# --- hold


async def test_flow_says_who_sends_and_who_is_heard(centre: Centre) -> None:
    ann, bob, _ = await centre.pair()
    witness = await centre.party()
    ann.peer.say(440)
    bob.peer.say(1_000)
    await bob.peer.hear(160)

    ann.flow(MediaFlow.SENDONLY)
    await bob.peer.hear(60)
    for_ann, for_bob = await asyncio.gather(ann.peer.hear(200), bob.peer.hear(200))
    assert share_of_tone(for_ann, RATE, 1_000) > CLEAR
    assert not for_bob.any()

    ann.flow(MediaFlow.RECVONLY)
    await bob.peer.hear(160)
    since = len(ann.peer.packets)
    assert share_of_tone(await bob.peer.hear(200), RATE, 440) > CLEAR
    assert len(ann.peer.packets) == since

    ann.flow(MediaFlow.INACTIVE)
    await bob.peer.hear(60)
    since = len(ann.peer.packets)
    assert not (await bob.peer.hear(200)).any()
    assert len(ann.peer.packets) == since

    ann.flow(MediaFlow.SENDRECV)
    await media_time(witness.leg, 200)
    for_ann, for_bob = await asyncio.gather(ann.peer.hear(200), bob.peer.hear(200))
    assert share_of_tone(for_ann, RATE, 1_000) > CLEAR
    assert share_of_tone(for_bob, RATE, 440) > CLEAR
    statistics = ann.leg.statistics()
    assert statistics.packets_lost == 0, "what was not listened to is not lost"
    assert statistics.buffer_ms <= 60


async def test_sound_after_a_hold_is_as_prompt_as_before(centre: Centre) -> None:
    ann, bob, _ = await centre.pair()
    ann.peer.say(440)
    await bob.peer.hear(160)
    ann.flow(MediaFlow.SENDONLY)
    await bob.peer.hear(500)
    ann.flow(MediaFlow.SENDRECV)
    await bob.peer.hear(160)
    ann.peer.fall_silent()
    since = len(bob.peer.packets)
    await bob.peer.hear(400)
    heard = np.abs(bob.peer.heard(since=since)) > 0.05
    assert np.flatnonzero(heard)[-1] < 180 * 8, "the buffer holds no more than it has to"


# --- recordings


async def test_recording_has_both_sides_in_step(centre: Centre, tmp_path: Path) -> None:
    ann = await centre.party()
    bob = await centre.party(near=ann)
    witness = await centre.party()
    recording = centre.engine.record(tmp_path / "call.wav", left=ann.leg, right=bob.leg)
    await media_time(witness.leg, 200)
    ann.peer.say(440, frames=15)
    bob.peer.say(1_000, frames=15)
    await bob.peer.said(15)
    await media_time(witness.leg, 200)
    ann.peer.say(440)
    recording.pause()
    await media_time(witness.leg, 300)
    recording.resume()
    await media_time(witness.leg, 200)
    result = await recording.stop()
    assert await recording.stop() == result

    (left, right), rate = read_channels(result.path)
    assert (result.channels, result.complete, result.reason) == (2, True, "")
    assert result.size_bytes == result.path.stat().st_size == 44 + len(left) * 4
    assert result.duration_ms == len(left) // 8
    onsets = [int(np.flatnonzero(np.abs(side) > 0.05)[0]) for side in (left, right)]
    assert abs(onsets[0] - onsets[1]) <= 40 * 8
    begin = max(onsets) + 320
    assert share_of_tone(left[begin : begin + 1_600], rate, 440) > CLEAR
    assert share_of_tone(right[begin : begin + 1_600], rate, 1_000) > CLEAR
    assert share_of_tone(left[begin : begin + 1_600], rate, 1_000) < 0.001
    paused = left[-(200 + 300) * 8 + 800 : -200 * 8 - 800]
    assert not paused.any(), "a pause is silence"
    assert share_of_tone(left[-800:], rate, 440) > 0.98
    assert centre.alarms == []


async def test_recording_can_be_read_while_it_runs(centre: Centre, tmp_path: Path) -> None:
    ann = await centre.party()
    recording = centre.engine.record(tmp_path / "mono.wav", left=ann.leg)
    ann.peer.say(440)
    await media_time(ann.leg, 1_400)
    with wave.open(str(tmp_path / "mono.wav")) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 8_000)
        frames = file.getnframes()
        assert len(file.readframes(frames)) == frames * 2
    assert 1_400 * 8 - 1_250 * 8 <= frames <= 1_500 * 8
    result = await recording.stop()
    assert result.duration_ms >= 1_400


async def test_sides_of_a_recording_can_change(centre: Centre, tmp_path: Path) -> None:
    ann = await centre.party()
    bob = await centre.party(near=ann)
    witness = await centre.party()
    recording = centre.engine.record(tmp_path / "call.wav", left=ann.leg, right=bob.leg)
    ann.peer.say(440)
    bob.peer.say(1_000)
    await media_time(witness.leg, 200)
    recording.remove(ann.leg)
    recording.remove(bob.leg)
    recording.add(bob.leg, left=True)
    await media_time(witness.leg, 300)
    await ann.leg.close()
    await bob.leg.close()
    await media_time(witness.leg, 100)
    (left, right), rate = read_channels((await recording.stop()).path)
    assert share_of_tone(left[-3_200:-1_200], rate, 1_000) > 0.98
    assert not right[-2_400:].any()
    assert not left[-400:].any(), "who has gone says nothing"


async def test_several_are_recorded_on_one_side_together(centre: Centre, tmp_path: Path) -> None:
    ann = await centre.party()
    bob = await centre.party(near=ann)
    eve = await centre.party(near=ann)
    recording = centre.engine.record(tmp_path / "call.wav", left=ann.leg, right=bob.leg)
    for party, frequency in ((ann, 440), (bob, 1_000), (eve, 1_700)):
        party.peer.say(frequency)
    await media_time(ann.leg, 300)
    recording.add(eve.leg)
    recording.add(eve.leg)
    await media_time(ann.leg, 400)
    recording.remove(eve.leg)
    await media_time(ann.leg, 300)
    (left, right), rate = read_channels((await recording.stop()).path)
    together = right[4_000:5_200]
    for frequency in (1_000, 1_700):
        assert 0.35 < share_of_tone(together, rate, frequency) < 0.65
    assert share_of_tone(right[-1_600:], rate, 1_000) > 0.9, "she is heard no more"
    assert share_of_tone(left[-1_600:], rate, 440) > 0.9


async def test_who_joins_silently_is_heard_by_nobody_before_a_gain_says_so(centre: Centre) -> None:
    ann = await centre.party()
    bob = await centre.party(near=ann)
    eve = await centre.party(near=ann)
    bridge = centre.engine.open_bridge(ann.leg)
    bridge.add(ann.leg)
    bridge.add(bob.leg)
    eve.peer.say(1_700)
    bridge.add(eve.leg, silent=True)
    for party in (ann, bob, eve):
        heard = await party.peer.hear(300)
        assert abs(heard).max() < 0.01
    bridge.set_gain(eve.leg, bob.leg, 0.0)
    await media_time(ann.leg, 200)
    assert share_of_tone(await bob.peer.hear(200), 8_000, 1_700) > 0.9
    assert abs(await ann.peer.hear(200)).max() < 0.01


async def test_recording_ends_well_when_the_engine_stops_first(
    stack: AsyncExitStack, tmp_path: Path
) -> None:
    centre = await opened(stack)
    ann = await centre.party()
    recording = centre.engine.record(tmp_path / "call.wav", left=ann.leg)
    await media_time(ann.leg, 200)
    await centre.engine.stop()
    result = await recording.stop()
    assert result == await recording.stop()
    assert result.complete
    assert 200 <= result.duration_ms <= 400
    with wave.open(str(result.path)) as file:
        assert file.getnframes() == result.duration_ms * 8


async def test_file_that_exists_is_not_recorded_over(centre: Centre, tmp_path: Path) -> None:
    ann = await centre.party()
    path = tmp_path / "there.wav"
    path.write_bytes(b"mine")
    with pytest.raises(FileExistsError):
        centre.engine.record(path, left=ann.leg)
    assert path.read_bytes() == b"mine"


async def test_tap_gives_what_the_party_says_in_order(centre: Centre) -> None:
    ann = await centre.party()
    tap = centre.engine.tap(ann.leg, seconds=2)
    ann.peer.say(400)
    await ann.peer.hear(300)
    heard = np.concatenate(tap.read()) / 32_768
    assert tap.lost == 0
    assert share_of_tone(heard[800:], RATE, 400) > CLEAR
    assert np.abs(np.diff(heard)).max() < 1.2 * STEEPEST
    tap.close()
    await ann.leg.close()
    assert tap.read() == []


# --- figures


async def test_silent_party_times_out_and_reports_measure_the_round_trip(
    stack: AsyncExitStack,
) -> None:
    """Both need five seconds, so they wait together."""
    centre = await opened(stack, rtp_timeout_seconds=5)
    silent = await centre.party()
    held = await centre.party(flow=MediaFlow.SENDONLY)
    ann = await centre.party()
    ann.peer.say(440, pattern=lossy)
    began = time.time()
    ann.peer.send_report(ann.peer.sender_report(began))
    await ann.peer.until(lambda: bool(ann.peer.reports))
    _, report = ann.peer.reports[0]
    kind, ssrc, middle = report[1], *struct.unpack_from("!IxxIxx", report, 4)
    _, lost, *_, last_sr, delay = struct.unpack_from("!IIIIII", report, 28)
    assert kind == 200
    assert report[0] & 31 == 1, "one block"
    waited = time.time() - began
    assert last_sr == struct.unpack_from("!I", ann.peer.sender_report(began), 10)[0]
    assert delay / 65_536 == pytest.approx(waited, abs=0.1)
    assert (lost >> 24) == pytest.approx(256 / 8, abs=8)
    assert ann.leg.statistics().round_trip_ms is None

    # Answer a bit later than we say: that is a network of 100 ms.
    await ann.peer.hear(100)
    answer = report_block(ssrc, fraction_lost=64, last_sr=middle, delay=0.0)
    ann.peer.send_report(ann.peer.sender_report(time.time(), block=answer))
    await ann.peer.hear(700)
    statistics = ann.leg.statistics()
    assert statistics.round_trip_ms == pytest.approx(100, abs=60)
    assert statistics.remote_loss_percent == pytest.approx(25, abs=0.5)
    assert 0 < statistics.jitter_ms < 20

    await silent.told.until(lambda: bool(silent.told.events))
    (told,) = silent.told.events
    assert isinstance(told, MediaTimedOut)
    assert 5_000 <= told.silent_ms <= 5_100
    assert held.told.events == []
    assert not silent.leg.statistics().latched


# --- beginnings and ends


async def test_two_hundred_legs_leave_nothing_open(centre: Centre) -> None:
    before = len(os.listdir("/proc/self/fd"))
    told = Told()
    for _ in range(4):
        legs = [centre.engine.open_leg(told) for _ in range(50)]
        assert centre.engine.statistics().legs == 50
        await asyncio.gather(*(leg.close() for leg in legs))
    assert centre.engine.statistics().legs == 0
    assert len(os.listdir("/proc/self/fd")) == before


async def test_port_rests_after_a_call(stack: AsyncExitStack) -> None:
    first = free_port_block(5)
    first += first % 2
    centre = await opened(stack, rtp_port_min=first, rtp_port_max=first + 3)
    leg, other = centre.engine.open_leg(Told()), centre.engine.open_leg(Told())
    assert {leg.address[1], other.address[1]} == {first, first + 2}
    with pytest.raises(NoPortLeft):
        centre.engine.open_leg(Told())
    await leg.close()
    with pytest.raises(NoPortLeft):
        centre.engine.open_leg(Told())
    assert centre.engine.statistics().legs == 1


async def test_full_engine_takes_no_more_of_anything(stack: AsyncExitStack, tmp_path: Path) -> None:
    centre = await opened(stack, max_legs=2)
    ann, bob = await centre.party(), await centre.party()
    with pytest.raises(OverCapacity):
        await centre.party()
    bridges = [centre.engine.open_bridge(ann.leg) for _ in range(2)]
    with pytest.raises(OverCapacity):
        centre.engine.open_bridge(ann.leg)
    for number in range(2):
        centre.engine.record(tmp_path / f"{number}.wav", left=ann.leg)
    with pytest.raises(OverCapacity):
        centre.engine.record(tmp_path / "more.wav", left=ann.leg)
    assert not (tmp_path / "more.wav").exists()
    await bridges[0].close()
    centre.engine.open_bridge(ann.leg)
    await bob.leg.close()
    await centre.party()


async def test_closing_twice_gives_the_same_figures(centre: Centre) -> None:
    ann = await centre.party()
    ann.peer.say(440, frames=5)
    await ann.peer.said(5)
    await ann.peer.hear(60)
    playback = ann.leg.play(np.zeros(80_000, np.int16))
    one, other = await asyncio.gather(ann.leg.close(), ann.leg.close())
    assert one == other == await ann.leg.close() == ann.leg.statistics()
    assert one.packets_received == 5
    assert await playback.finished() is False
    assert await ann.leg.play(np.ones(160, np.int16)).finished() is False
    ann.leg.stop_playing()
    ann.leg.send_digits("1")
    ann.leg.set_stream(ann.stream)


async def test_stop_ends_every_wait(stack: AsyncExitStack, tmp_path: Path) -> None:
    centre = await opened(stack)
    ann, bob, bridge = await centre.pair()
    tap = centre.engine.tap(ann.leg)
    recording = centre.engine.record(tmp_path / "call.wav", left=ann.leg, right=bob.leg)
    playback = ann.leg.play(np.zeros(800_000, np.int16), loop=True)
    await ann.peer.hear(60)
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        played = group.create_task(playback.finished())
        group.create_task(recording.stop())
        group.create_task(ann.leg.close())
        await centre.engine.stop()
    assert played.result() is False
    async with asyncio.timeout(5):
        await asyncio.gather(ann.leg.close(), bob.leg.close(), bridge.close())
        await centre.engine.stop()
    assert bob.leg.statistics().packets_sent > 0
    tap.read()
    tap.close()
    with pytest.raises(EngineStopped):
        centre.engine.open_leg(Told())
