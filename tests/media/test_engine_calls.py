"""The real engine with real packets: who hears what, and who is not let in."""

import asyncio
import hashlib
import math
import os
import signal
import subprocess
import sys
import textwrap
import wave
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio

from config.settings import MediaSettings
from media.codecs import Codec
from media.engine import MediaEngine, MediaFlow, MediaLeg, StreamParameters
from media.errors import EngineStopped, MediaError, OverCapacity
from media.events import DtmfReceived, LegMediaEvent, SourceLatched, StrangerRefused
from tests.support.audio import level_db, read_channels, seconds_of_tone, share_of_tone
from tests.support.rtp_peer import RtpPeer

RATE = 8_000


class Centre:
    """An engine, its legs, and a peer for each."""

    def __init__(self, engine: MediaEngine) -> None:
        self.engine = engine
        self.events: dict[MediaLeg, list[LegMediaEvent]] = {}
        self._stack = AsyncExitStack()

    async def party(
        self, near: MediaLeg | None = None, *, flow: MediaFlow = MediaFlow.SENDRECV
    ) -> tuple[MediaLeg, RtpPeer]:
        peer = await RtpPeer.open()
        self._stack.callback(peer.close)
        told: list[LegMediaEvent] = []
        leg = self.engine.open_leg(told.append, near=near)
        self.events[leg] = told
        self._stack.push_async_callback(leg.close)
        leg.set_stream(stream(peer.address, flow=flow))
        peer.target = leg.address
        return leg, peer

    async def close(self) -> None:
        await self._stack.aclose()


def stream(
    remote: tuple[str, int], *, flow: MediaFlow = MediaFlow.SENDRECV, ptime_ms: int = 20
) -> StreamParameters:
    return StreamParameters(
        remote=remote,
        codec=Codec.PCMU,
        send_payload_type=0,
        receive_payload_types={0: Codec.PCMU, 8: Codec.PCMA},
        dtmf_send_payload_type=101,
        dtmf_receive_payload_type=101,
        ptime_ms=ptime_ms,
        flow=flow,
    )


@pytest_asyncio.fixture
async def centre() -> AsyncIterator[Centre]:
    alarms: list[str] = []
    settings = MediaSettings(shards=1, rtp_port_min=50_000, rtp_port_max=55_999)
    engine = MediaEngine(settings, alarm=alarms.append)
    await engine.start()
    made = Centre(engine)
    yield made
    await made.close()
    assert engine.statistics().legs == 0
    await engine.stop()
    assert alarms == []


async def both_say(one: RtpPeer, other: RtpPeer, *, seconds: float = 1.5) -> None:
    await asyncio.gather(one.speak(440, seconds=seconds), other.speak(880, seconds=seconds))
    await asyncio.sleep(0.1)


async def test_two_parties_hear_each_other_and_not_themselves(centre: Centre) -> None:
    a, peer_a = await centre.party()
    b, peer_b = await centre.party(a)
    bridge = centre.engine.open_bridge(a)
    bridge.add(a)
    bridge.add(b)
    await both_say(peer_a, peer_b)
    for peer, heard, own in ((peer_a, 880, 440), (peer_b, 440, 880)):
        assert seconds_of_tone(peer.heard(), RATE, heard) >= 1
        assert share_of_tone(peer.heard(), RATE, own) < 0.01
    statistics = a.statistics()
    assert (statistics.packets_received, statistics.packets_lost) == (75, 0)
    assert statistics.mos > 3.5
    assert statistics.latched


async def test_matrix_says_who_hears_whom(centre: Centre) -> None:
    a, peer_a = await centre.party()
    b, peer_b = await centre.party(a)
    bridge = centre.engine.open_bridge(a)
    bridge.add(a)
    bridge.add(b)
    bridge.set_gain(a, b, -math.inf)
    bridge.set_gain(a, a, 0.0)
    await both_say(peer_a, peer_b)
    assert level_db(peer_b.heard()[RATE // 2 :]) < -60
    assert share_of_tone(peer_a.heard(), RATE, 440) > 0.3, "the echo of an echo test"


async def test_prompt_ends_when_its_last_sample_was_sent(centre: Centre) -> None:
    leg, peer = await centre.party()
    prompt = (8_000 * np.sin(2 * np.pi * 600 * np.arange(4_000) / RATE)).astype(np.int16)
    playback = leg.play(prompt)
    assert await playback.finished()
    assert playback.played_ms == 500
    await asyncio.sleep(0.05)
    assert 0.4 <= seconds_of_tone(peer.heard(), RATE, 600) <= 0.6


async def test_prompt_is_cut_at_once_by_stop_and_by_the_next(centre: Centre) -> None:
    leg, peer = await centre.party()
    long = np.full(80_000, 5_000, np.int16)
    first = leg.play(long, loop=True)
    await peer.got(10)
    second = leg.play(long)
    assert not await first.finished()
    leg.stop_playing()
    assert not await second.finished()
    count = len(peer.packets)
    await peer.got(count + 6)
    assert level_db(np.array(peer.heard()[-3 * 160 :])) < -60


async def test_key_is_told_once_even_if_its_end_was_lost(centre: Centre) -> None:
    leg, peer = await centre.party()
    await peer.hold_key(5, milliseconds=100)
    await peer.hold_key(11, milliseconds=100, ends=0)
    async with asyncio.timeout(3):
        while len([e for e in centre.events[leg] if isinstance(e, DtmfReceived)]) < 2:
            await asyncio.sleep(0.02)
    assert [e for e in centre.events[leg] if isinstance(e, DtmfReceived)] == [
        DtmfReceived("5", 100),
        DtmfReceived("#", 100),
    ]


async def test_keys_are_sent_as_events_with_one_marker_and_three_ends(centre: Centre) -> None:
    leg, peer = await centre.party()
    leg.send_digits("2", tone_ms=100)
    await peer.got(20)
    keys = peer.key_packets()
    assert [p.payload[0] for p in keys] == [2] * len(keys)
    assert [p.marker for p in keys] == [True] + [False] * (len(keys) - 1)
    assert sum(p.payload[1] >> 7 for p in keys) == 3
    assert len({p.timestamp for p in keys}) == 1


async def test_stranger_can_neither_be_heard_nor_take_the_stream(centre: Centre) -> None:
    a, peer_a = await centre.party()
    b, peer_b = await centre.party(a)
    bridge = centre.engine.open_bridge(a)
    bridge.add(a)
    bridge.add(b)
    await peer_a.speak(440, seconds=0.3)
    stranger = await RtpPeer.open()
    stranger.target, stranger.ssrc = a.address, peer_a.ssrc
    stranger.sequence, stranger.timestamp = peer_a.sequence + 50, peer_a.timestamp + 8_000
    await asyncio.gather(stranger.speak(1_500, seconds=1), peer_a.speak(440, seconds=1))
    await asyncio.sleep(0.1)
    assert stranger.packets == []
    stranger.close()
    assert share_of_tone(peer_b.heard(), RATE, 1_500) < 0.001
    assert a.statistics().packets_refused >= 50
    assert [type(e) for e in centre.events[a]] == [SourceLatched, StrangerRefused]


async def test_garbage_is_counted_and_dropped(centre: Centre) -> None:
    leg, peer = await centre.party()
    for data in (b"\x80", b"\x00" * 40, os.urandom(3), b"\xbf" * 20, b"\x80\x7f" + b"x" * 200):
        peer.send_raw(data)
    peer.send_raw(b"\x80\x00" + b"x" * 1_600)
    await peer.speak(440, seconds=0.2)
    await asyncio.sleep(0.1)
    statistics = leg.statistics()
    assert statistics.packets_refused == 6
    assert statistics.packets_received == 10


async def test_party_behind_another_address_is_learned_and_answered(centre: Centre) -> None:
    leg, peer = await centre.party()
    leg.set_stream(stream(("127.0.0.9", 9)))
    await peer.speak(440, seconds=0.4)
    await peer.got(5)
    assert leg.statistics().latched


async def test_nothing_is_sent_to_who_does_not_want_it(centre: Centre) -> None:
    leg, peer = await centre.party(flow=MediaFlow.RECVONLY)
    await peer.speak(440, seconds=0.4)
    async with asyncio.timeout(5):
        while leg.statistics().packets_received < 20:
            await asyncio.sleep(0.02)
    assert peer.packets == []


async def test_packets_are_as_long_as_the_peer_wants(centre: Centre) -> None:
    for ptime_ms in (10, 30, 60):
        leg, peer = await centre.party()
        leg.set_stream(stream(peer.address, ptime_ms=ptime_ms))
        await peer.got(6)
        assert {len(p.payload) for p in peer.packets[2:]} == {ptime_ms * 8}


async def test_recording_has_one_party_left_and_the_other_right(
    centre: Centre, tmp_path: Path
) -> None:
    a, peer_a = await centre.party()
    b, peer_b = await centre.party(a)
    recording = centre.engine.record(tmp_path / "call.wav", left=a, right=b)
    await both_say(peer_a, peer_b, seconds=1.2)
    recording.pause()
    await both_say(peer_a, peer_b, seconds=0.8)
    result = await recording.stop()
    assert await recording.stop() == result
    (left, right), rate = read_channels(result.path)
    assert seconds_of_tone(left[: 12 * rate // 10], rate, 440) >= 0.8
    assert seconds_of_tone(right[: 12 * rate // 10], rate, 880) >= 0.8
    assert share_of_tone(left, rate, 880) < 0.01
    assert level_db(left[-rate // 2 :]) < -80, "a pause is silence"
    assert result.complete
    assert result.sha256 == hashlib.sha256(result.path.read_bytes()).hexdigest()
    assert abs(result.duration_ms - len(left) / 8) <= 1
    assert 2_000 <= result.duration_ms <= 2_800


async def test_full_disk_stops_the_recording_and_not_the_call(tmp_path: Path) -> None:
    alarms: list[str] = []
    settings = MediaSettings(shards=1, recording_min_free_mb=1_000_000)
    engine = MediaEngine(settings, alarm=alarms.append)
    await engine.start()
    leg = engine.open_leg(lambda _: None)
    peer = await RtpPeer.open()
    leg.set_stream(stream(peer.address))
    recording = engine.record(tmp_path / "full.wav", left=leg)
    reasons: list[str] = []
    recording.on_failure = reasons.append
    async with asyncio.timeout(5):
        while not recording.failed:
            await asyncio.sleep(0.02)
    result = await recording.stop()
    assert (result.complete, result.reason, reasons) == (False, "disk_full", ["disk_full"])
    assert len(alarms) == 1
    with wave.open(str(result.path)) as file:
        assert file.getnchannels() == 1
    before = len(peer.packets)
    await peer.got(before + 5)
    peer.close()
    await engine.stop()


def test_recording_of_a_killed_process_plays_to_the_last_second(tmp_path: Path) -> None:
    path = tmp_path / "killed.wav"
    program = textwrap.dedent(
        f"""
        import asyncio
        from pathlib import Path
        from config.settings import MediaSettings
        from media.engine import MediaEngine

        async def main():
            engine = MediaEngine(MediaSettings(shards=1), alarm=print)
            await engine.start()
            leg = engine.open_leg(lambda _: None)
            engine.record(Path({str(path)!r}), left=leg)
            await asyncio.sleep(3.5)
            print("now", flush=True)
            await asyncio.sleep(60)

        asyncio.run(main())
        """
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program], cwd=Path(__file__).parents[2], stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"now\n"
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=10)
    process.stdout.close()
    with wave.open(str(path)) as file:
        assert file.getnframes() >= 2 * RATE


async def test_tap_gives_what_the_party_says(centre: Centre) -> None:
    leg, peer = await centre.party()
    tap = centre.engine.tap(leg)
    await peer.speak(440, seconds=1)
    heard = np.concatenate(tap.read()) / 32_768
    tap.close()
    assert seconds_of_tone(heard, RATE, 440) >= 0.7
    assert tap.lost == 0


async def test_many_legs_come_and_go_and_leave_nothing_open(centre: Centre) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        legs = [centre.engine.open_leg(lambda _: None) for _ in range(100)]
        assert len({leg.address[1] for leg in legs}) == 100
        await asyncio.gather(*(leg.close() for leg in legs))
    assert len(os.listdir("/proc/self/fd")) == before


async def test_leg_that_is_closing_joins_nothing_any_more(centre: Centre, tmp_path: Path) -> None:
    a, _ = await centre.party()
    b, peer_b = await centre.party(a)
    bridge = centre.engine.open_bridge(a)
    bridge.add(b)
    recording = centre.engine.record(tmp_path / "call.wav", left=b, right=a)
    closing = asyncio.get_running_loop().create_task(a.close())
    await asyncio.sleep(0)
    assert a.native.is_open, "the engine has not let go of it yet"
    bridge.add(a)
    bridge.set_gain(b, a, 0.0)
    bridge.remove(a)
    recording.add(a, left=True)
    recording.remove(a)
    with pytest.raises(MediaError):
        centre.engine.tap(a)
    with pytest.raises(ValueError, match="closing"):
        centre.engine.native.join(bridge.native, a.native, False)
    with pytest.raises(ValueError, match="closing"):
        centre.engine.native.remove_leg(a.native)
    await closing
    before = len(peer_b.packets)
    await peer_b.got(before + 5)
    assert (await recording.stop()).complete


async def test_one_leg_too_many_is_refused() -> None:
    engine = MediaEngine(MediaSettings(shards=1, max_legs=2), alarm=print)
    await engine.start()
    legs = [engine.open_leg(lambda _: None) for _ in range(2)]
    with pytest.raises(OverCapacity):
        engine.open_leg(lambda _: None)
    await legs[0].close()
    engine.open_leg(lambda _: None)
    await engine.stop()
    with pytest.raises(EngineStopped):
        engine.open_leg(lambda _: None)


async def test_stopping_the_engine_ends_every_wait() -> None:
    engine = MediaEngine(MediaSettings(shards=1), alarm=print)
    await engine.start()
    leg = engine.open_leg(lambda _: None)
    playback = leg.play(np.zeros(80_000, np.int16), loop=True)
    waiting = asyncio.get_running_loop().create_task(playback.finished())
    await engine.stop()
    async with asyncio.timeout(2):
        assert not await waiting
        await leg.close()
