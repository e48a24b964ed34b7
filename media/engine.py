"""The asyncio face of the native engine: legs, bridges and recordings as objects.

No packet passes through here. Orders go to the media threads by rings and take effect within 5 ms;
what the threads tell comes back when their eventfd becomes readable.
"""

import asyncio
import logging
import math
import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from random import SystemRandom

import numpy as np

from config.settings import MediaSettings
from media.admission import admit, percentile
from media.audio import Audio
from media.codecs import Codec
from media.errors import EngineStopped, MediaError, OverCapacity
from media.events import (
    DtmfReceived,
    LegMediaEvent,
    MediaTimedOut,
    SourceLatched,
    StrangerRefused,
)
from media.native._engine import NativeBridge, NativeEngine, NativeLeg, OrdersFull
from media.ports import PortPair, PortPool
from media.quality import estimate
from media.recording import Recording
from media.tap import Tap

log = logging.getLogger(__name__)

__all__ = [
    "EngineStatistics",
    "LegStatistics",
    "MediaBridge",
    "MediaEngine",
    "MediaFlow",
    "MediaLeg",
    "Playback",
    "Recording",
    "StreamParameters",
]

_DIGITS = "0123456789*#ABCD"
_PHASES = 4
_PORT_REST_SECONDS = 5.0
_LONGEST_KEY_MS = 8_000
"""More does not fit into the 16 bits of a telephone-event's duration."""
_LAWS = {Codec.PCMU: 0, Codec.PCMA: 1}
_UNITY = 256
_MOST_GAIN = 32_767


class _Kind:
    """Numbers of the engine's events; they must agree with engine.h."""

    DIGIT, LATCHED, TIMEOUT, STRANGER, PLAYED, CLOSED = 1, 2, 3, 4, 5, 6
    BRIDGE_CLOSED, TAP_CLOSED, RECORDED, RECORDING_FAILED = 7, 8, 9, 10


class MediaFlow(StrEnum):
    """Which way audio goes, as we see it."""

    SENDRECV = "sendrecv"
    SENDONLY = "sendonly"
    RECVONLY = "recvonly"
    INACTIVE = "inactive"

    @property
    def bits(self) -> int:
        return {"sendrecv": 3, "sendonly": 1, "recvonly": 2, "inactive": 0}[self.value]


@dataclass(frozen=True, slots=True)
class StreamParameters:
    """What was agreed for one leg."""

    remote: tuple[str, int] | None
    """Where the party wants its audio; nothing is sent or taken while it is None."""
    codec: Codec
    send_payload_type: int
    receive_payload_types: Mapping[int, Codec]
    dtmf_send_payload_type: int | None = None
    dtmf_receive_payload_type: int | None = None
    ptime_ms: int = 20
    """Length of the packets we send, 10 to 60."""
    flow: MediaFlow = MediaFlow.SENDRECV


@dataclass(frozen=True, slots=True)
class LegStatistics:
    packets_received: int
    packets_sent: int
    packets_lost: int
    packets_late: int
    packets_refused: int
    frames_concealed: int
    jitter_ms: float
    round_trip_ms: float | None
    buffer_ms: float
    remote_loss_percent: float
    """What the party reports of our stream."""
    mos: float
    latched: bool


@dataclass(frozen=True, slots=True)
class EngineStatistics:
    legs: int
    bridges: int
    recordings: int
    shards: int
    ticks: int
    overruns: int
    """Ticks that began after the next one was due already."""
    skipped: int
    """Ticks given up because the thread was too far behind."""
    tick_us_p99: int
    late_us_p99: int


@dataclass(slots=True)
class _Shard:
    legs: int = 0
    phases: list[int] = field(default_factory=lambda: [0] * _PHASES)


class Playback:
    """One array being played to one leg."""

    def __init__(self, audio: Audio) -> None:
        self._audio = audio  # the engine reads it where it is
        self._done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self.played_ms = 0
        """How much was sent; known when it has finished."""

    async def finished(self) -> bool:
        """True when every frame was sent, False when it was cut short."""
        return await asyncio.shield(self._done)

    @property
    def is_over(self) -> bool:
        return self._done.done()

    def end(self, frames: int, *, complete: bool) -> None:
        self.played_ms = frames * 20
        if not self._done.done():
            self._done.set_result(complete)


class MediaLeg:
    """One party's RTP."""

    def __init__(
        self,
        engine: "MediaEngine",
        native: NativeLeg,
        ports: PortPair,
        on_event: Callable[[LegMediaEvent], None],
    ) -> None:
        self._engine = engine
        self.native = native
        self.ports = ports
        self.on_event = on_event
        self.address = ports.address
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._closing = False
        self._final: LegStatistics | None = None

    @property
    def is_closing(self) -> bool:
        """It has been told to go, or has gone; what it is asked to do is not done any more."""
        return self._closing

    def set_stream(self, parameters: StreamParameters) -> None:
        """Say what to send and take; again on every change of the session."""
        if self._closing:
            return
        with self._engine.orders():
            self._engine.native.set_stream(
                self.native,
                parameters.remote,
                parameters.flow.bits,
                parameters.send_payload_type,
                _LAWS[parameters.codec],
                {t: _LAWS[codec] for t, codec in parameters.receive_payload_types.items()},
                _type_or_none(parameters.dtmf_send_payload_type),
                _type_or_none(parameters.dtmf_receive_payload_type),
                min(60, max(10, parameters.ptime_ms)) * 8,
            )

    def play(self, audio: Audio, *, loop: bool = False) -> Playback:
        """Play from the next frame on, instead of whatever played; other audio is not heard."""
        playback = Playback(np.ascontiguousarray(audio, np.int16))
        if self._closing or not len(audio):
            playback.end(0, complete=not self._closing)
            return playback
        self._engine.begin_playback(self.native, playback, loop=loop)
        return playback

    def stop_playing(self) -> None:
        """Cut what plays, within one frame."""
        if not self._closing:
            with self._engine.orders():
                self._engine.native.stop_playing(self.native)

    def send_digits(self, digits: str, *, tone_ms: int = 100, gap_ms: int = 60) -> None:
        """Send keys as telephone-events; raises ValueError for what is no key."""
        events = [_DIGITS.index(digit) for digit in digits.upper()]
        if self._closing:
            return
        tone, gap = (min(_LONGEST_KEY_MS, max(20, ms)) * 8 for ms in (tone_ms, gap_ms))
        with self._engine.orders():
            for event in events:
                self._engine.native.send_digit(self.native, event, tone, gap)

    def statistics(self) -> LegStatistics:
        if not self.native.is_open:
            assert self._final is not None
            return self._final
        received, sent, lost, late, refused, concealed, jitter, trip, delay, remote, latched = (
            self.native.figures()
        )
        round_trip_ms = trip / 1_000 if trip else None
        return LegStatistics(
            packets_received=received,
            packets_sent=sent,
            packets_lost=lost,
            packets_late=late,
            packets_refused=refused,
            frames_concealed=concealed,
            jitter_ms=jitter / 1_000,
            round_trip_ms=round_trip_ms,
            buffer_ms=delay / 1_000,
            remote_loss_percent=remote / 10,
            mos=estimate(
                received=received,
                lost=lost,
                late=late,
                round_trip_ms=round_trip_ms,
                buffer_ms=delay / 1_000,
            ),
            latched=bool(latched),
        )

    async def close(self) -> LegStatistics:
        """Take the leg out of everything and free its port; a second call only waits."""
        if not self._closing:
            self.keep_statistics()
            if self._engine.is_running:  # else it is being stopped, which closes every leg
                with self._engine.orders():
                    self._engine.native.remove_leg(self.native)
            self._closing = True
        await asyncio.shield(self.closed)
        assert self._final is not None
        return self._final

    def keep_statistics(self) -> None:
        """Read them for the last time: the engine is about to let the leg go."""
        if self._final is None:
            self._final = self.statistics()

    def release(self) -> None:
        """The engine is done with it."""
        self._closing = True
        if not self.closed.done():
            self.closed.set_result(None)


class MediaBridge:
    """Legs that hear each other, as the gain matrix says."""

    def __init__(self, engine: "MediaEngine", native: NativeBridge) -> None:
        self._engine = engine
        self.native = native
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._closing = False

    def add(self, leg: MediaLeg) -> None:
        """Let the leg hear everybody and be heard, unless it is closing. Raises MediaError for one
        of another shard: legs that may meet are opened `near` each other."""
        if leg.native.shard != self.native.shard:
            raise MediaError("a leg of another media thread cannot join this bridge")
        if self._closing or leg.is_closing:
            return
        with self._engine.orders():
            self._engine.native.join(self.native, leg.native)

    def remove(self, leg: MediaLeg) -> None:
        if not self._closing and not leg.is_closing:
            with self._engine.orders():
                self._engine.native.part(self.native, leg.native)

    def set_gain(self, source: MediaLeg, listener: MediaLeg, gain_db: float) -> None:
        """How loud `listener` hears `source`; minus infinity is not at all. A leg does not hear
        itself unless it is told to."""
        if self._closing or source.is_closing or listener.is_closing:
            return
        factor = 0.0 if gain_db == -math.inf else 10 ** (gain_db / 20)
        with self._engine.orders():
            self._engine.native.set_gain(
                self.native, listener.native, source.native, min(_MOST_GAIN, round(factor * _UNITY))
            )

    async def close(self) -> None:
        """End the bridge; its legs go on alone."""
        if not self._closing:
            if self._engine.is_running:
                with self._engine.orders():
                    self._engine.native.remove_bridge(self.native)
            self._closing = True
        await asyncio.shield(self.closed)

    def release(self) -> None:
        self._closing = True
        if not self.closed.done():
            self.closed.set_result(None)


class MediaEngine:
    """Starts the media threads and hands out legs, bridges, recordings and taps."""

    def __init__(self, settings: MediaSettings, *, alarm: Callable[[str], None]) -> None:
        """`alarm` is told, in constant words, when something needs a person."""
        self._settings = settings
        self._alarm = alarm
        self._native: NativeEngine | None = None
        self._shards: list[_Shard] = []
        self._legs: dict[int, MediaLeg] = {}
        self._bridges: dict[int, MediaBridge] = {}
        self._playing: dict[int, Playback] = {}
        self._recordings: dict[int, Recording] = {}
        self._recorded: dict[int, asyncio.Future[tuple[int, int]]] = {}
        self._recording_shards: dict[int, int] = {}
        self._random = SystemRandom()
        self._ports: PortPool | None = None

    async def start(self) -> None:
        count = self._settings.shards or max(1, len(os.sched_getaffinity(0)) - 1)
        self._native = NativeEngine(
            count,
            # Bridges and recordings have lists as long as the legs'.
            self._settings.max_legs,
            self._settings.recording_min_free_mb * 1024 * 1024,
        )
        self._shards = [_Shard() for _ in range(count)]
        loop = asyncio.get_running_loop()
        self._ports = PortPool(
            str(self._settings.host),
            self._settings.rtp_port_min,
            self._settings.rtp_port_max,
            rest_seconds=_PORT_REST_SECONDS,
            clock=loop.time,
            random=self._random,
        )
        loop.add_reader(self._native.fileno, self._take_events)

    async def stop(self) -> None:
        """Close every leg and end the threads; files are finished first."""
        if self._native is None:
            return
        native, self._native = self._native, None
        asyncio.get_running_loop().remove_reader(native.fileno)
        for leg in self._legs.values():
            leg.keep_statistics()
        for event in await asyncio.to_thread(native.close):
            self._hand_out(*event)
        for leg in self._legs.values():
            leg.release()
            leg.ports.close()
        for bridge in self._bridges.values():
            bridge.release()
        for playback in self._playing.values():
            playback.end(0, complete=False)
        for recorded in self._recorded.values():
            if not recorded.done():
                recorded.set_exception(EngineStopped("the media engine has stopped"))
        self._legs.clear()
        self._bridges.clear()
        self._playing.clear()

    @property
    def is_running(self) -> bool:
        return self._native is not None

    @property
    def native(self) -> NativeEngine:
        """Raises EngineStopped."""
        if self._native is None:
            raise EngineStopped("the media engine is not running")
        return self._native

    def open_leg(
        self, on_event: Callable[[LegMediaEvent], None], *, near: MediaLeg | None = None
    ) -> MediaLeg:
        """A leg on a port of its own; `near` another one so that both can be bridged.

        Raises OverCapacity or NoPortLeft.
        """
        native = self.native
        assert self._ports is not None
        at = near.native.shard if near else self._least_loaded()
        shard = self._shards[at]
        _, _, _, tick_us, _ = native.ticks(at)
        admit(legs=shard.legs, most=self._settings.max_legs, tick_us=tick_us)
        phase = near.native.phase if near else shard.phases.index(min(shard.phases))
        ports = self._ports.take()
        try:
            with self.orders():
                number, handle = native.add_leg(
                    at,
                    phase,
                    ports.rtp.fileno(),
                    ports.rtcp.fileno(),
                    self._settings.rtp_timeout_seconds * 1_000,
                    self._random.getrandbits(64),
                )
        except MediaError:
            self._ports.give_back(ports)
            raise
        shard.legs += 1
        shard.phases[phase] += 1
        leg = self._legs[number] = MediaLeg(self, handle, ports, on_event)
        return leg

    def open_bridge(self, near: MediaLeg) -> MediaBridge:
        """A bridge for `near` and legs near it. Raises OverCapacity."""
        self._refuse_beyond(len(self._bridges))
        with self.orders():
            number, handle = self.native.add_bridge(near.native.shard, near.native.phase)
        bridge = self._bridges[number] = MediaBridge(self, handle)
        return bridge

    def record(self, path: Path, *, left: MediaLeg, right: MediaLeg | None = None) -> Recording:
        """Record what the legs say into a new WAV file: one channel, or left and right.

        Raises OSError when the file cannot be made, and OverCapacity.
        """
        self._refuse_beyond(len(self._recordings))
        if right is not None and right.native.shard != left.native.shard:
            raise MediaError("legs of two media threads cannot be recorded together")
        channels = 1 if right is None else 2
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with self.orders():
                number = self.native.record(
                    left.native.shard,
                    left.native.phase,
                    descriptor,
                    channels,
                    *_sides(left, right),
                )
        except BaseException:
            os.close(descriptor)
            path.unlink(missing_ok=True)
            raise
        recording = self._recordings[number] = Recording(self, number, path, channels=channels)
        self._recorded[number] = asyncio.get_running_loop().create_future()
        self._recording_shards[number] = left.native.shard
        return recording

    def tap(self, leg: MediaLeg, *, seconds: float = 10) -> Tap:
        """Listen to what the leg says; it has one tap at a time. Raises MediaError for one that is
        closing."""
        if leg.is_closing:
            raise MediaError("a leg that is closing cannot be tapped")
        with self.orders():
            native = self.native.tap(leg.native, int(seconds * 8_000))

        def close() -> None:
            if not leg.is_closing and self.is_running:
                with self.orders():
                    self.native.untap(leg.native)

        return Tap(native, close)

    def statistics(self) -> EngineStatistics:
        shards = [self.native.ticks(at) for at in range(len(self._shards))]
        return EngineStatistics(
            legs=len(self._legs),
            bridges=len(self._bridges),
            recordings=len(self._recordings),
            shards=len(shards),
            ticks=sum(s[0] for s in shards),
            overruns=sum(s[1] for s in shards),
            skipped=sum(s[2] for s in shards),
            tick_us_p99=max(percentile(s[3], 0.99) for s in shards),
            late_us_p99=max(percentile(s[4], 0.99) for s in shards),
        )

    # --- for the objects this module hands out

    def orders(self) -> "_Orders":
        """Around every order: a full ring becomes an error of ours."""
        return _Orders()

    def begin_playback(self, leg: NativeLeg, playback: Playback, *, loop: bool) -> None:
        with self.orders():
            number = self.native.play(leg, playback._audio, loop)  # noqa: SLF001
        self._playing[number] = playback

    def set_recording_sides(self, number: int, left: object, right: object) -> None:
        shard = self._recording_shards.get(number)
        if shard is not None:
            with self.orders():
                self.native.set_sides(shard, number, *_sides(left, right))

    def pause_recording(self, number: int, paused: bool) -> None:
        shard = self._recording_shards.get(number)
        if shard is not None:
            with self.orders():
                self.native.pause(shard, number, paused)

    async def stop_recording(self, number: int) -> tuple[int, int]:
        """Bytes of sound written, and the engine's fault code."""
        recorded = self._recorded[number]
        shard = self._recording_shards.get(number)
        if not recorded.done() and shard is not None and self.is_running:
            with self.orders():
                self.native.stop_recording(shard, number)
        try:
            return await asyncio.shield(recorded)
        finally:
            if recorded.done():
                self._recorded.pop(number, None)

    def _refuse_beyond(self, used: int) -> None:
        """The threads' lists of bridges and recordings are as long as those of legs."""
        if used >= self._settings.max_legs:
            raise OverCapacity("the media engine has as many bridges or recordings as legs")

    def _least_loaded(self) -> int:
        return min(range(len(self._shards)), key=lambda at: self._shards[at].legs)

    def _take_events(self) -> None:
        native = self.native
        try:
            os.read(native.fileno, 8)
        except BlockingIOError:
            return
        for event in native.events():
            self._hand_out(*event)

    def _hand_out(self, kind: int, number: int, a: int, b: int) -> None:
        try:
            self._take_event(kind, number, a, b)
        except Exception:
            log.exception("media event failed", extra={"kind": kind})

    def _take_event(self, kind: int, number: int, a: int, b: int) -> None:
        if kind == _Kind.PLAYED:
            playback = self._playing.pop(a, None)
            if playback is not None:
                playback.end(b if b >= 0 else -b - 1, complete=b >= 0)
        elif kind == _Kind.CLOSED:
            self._leg_closed(number)
        elif kind == _Kind.BRIDGE_CLOSED:
            self._bridges.pop(number).release()
        elif kind == _Kind.RECORDED:
            self._recordings.pop(number)
            self._recording_shards.pop(number)
            recorded = self._recorded[number]
            if not recorded.done():
                recorded.set_result((a, b))
        elif kind == _Kind.RECORDING_FAILED:
            self._alarm(
                "recording stopped: its disk is full or cannot be written, or it is too long"
            )
            self._recordings[number].fail(b)
        elif (leg := self._legs.get(number)) is not None:
            event = _leg_event(kind, a, b)
            if event is not None:
                leg.on_event(event)

    def _leg_closed(self, number: int) -> None:
        leg = self._legs.pop(number)
        shard = self._shards[leg.native.shard]
        shard.legs -= 1
        shard.phases[leg.native.phase] -= 1
        assert self._ports is not None
        self._ports.give_back(leg.ports)
        leg.release()


class _Orders:
    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None and issubclass(kind, OrdersFull):
            raise OverCapacity("the media thread does not keep up")


def _leg_event(kind: int, a: int, b: int) -> LegMediaEvent | None:
    if kind == _Kind.DIGIT:
        return DtmfReceived(_DIGITS[a], b)
    if kind == _Kind.LATCHED:
        host = socket.inet_ntoa(a.to_bytes(4, "big")) if a else ""
        return SourceLatched((host, b))
    if kind == _Kind.TIMEOUT:
        return MediaTimedOut(a)
    if kind == _Kind.STRANGER:
        return StrangerRefused()
    return None


def _sides(left: object, right: object) -> tuple[NativeLeg | None, NativeLeg | None]:
    """What a recording hears of them: a leg that is closing is silence already."""
    one, two = (
        leg.native if isinstance(leg, MediaLeg) and not leg.is_closing else None
        for leg in (left, right)
    )
    return one, two


def _type_or_none(payload_type: int | None) -> int:
    return -1 if payload_type is None else payload_type
