"""The asyncio face of the native engine: legs, bridges and recordings as objects.

No packet passes through here. Orders go to the media threads by rings and take effect within 5 ms;
what the threads tell comes back when their eventfd becomes readable.
"""

import asyncio
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import SystemRandom
from typing import TypeVar

from config.settings import MediaSettings
from media.admission import admit, percentile
from media.bridge import MediaBridge
from media.errors import EngineStopped, MediaError, OverCapacity
from media.events import LegMediaEvent
from media.leg import MediaLeg
from media.native._engine import NativeEngine, NativeLeg
from media.native_events import Kind, leg_event
from media.orders import orders
from media.playback import Playback
from media.ports import PortPool
from media.recording import Recording
from media.recordings import Recordings
from media.secure_leg import SecureMediaLeg
from media.statistics import EngineStatistics, LegStatistics
from media.streams import MediaFlow, StreamParameters
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
    "SecureMediaLeg",
    "StreamParameters",
]

LegT = TypeVar("LegT", bound=MediaLeg)

_PHASES = 4
_PORT_REST_SECONDS = 5.0


@dataclass(slots=True)
class _Shard:
    legs: int = 0
    phases: list[int] = field(default_factory=lambda: [0] * _PHASES)


class MediaEngine:
    """Starts the media threads and hands out legs, bridges, recordings and taps."""

    def __init__(self, settings: MediaSettings, *, alarm: Callable[[str], None]) -> None:
        """`alarm` is told, in constant words, when something needs a person."""
        self._settings = settings
        self._native: NativeEngine | None = None
        self._shards: list[_Shard] = []
        self._legs: dict[int, MediaLeg] = {}
        self._bridges: dict[int, MediaBridge] = {}
        self._playing: dict[int, Playback] = {}
        self._recordings = Recordings(self, alarm)
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
        self._recordings.give_up()
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
        return self._open(MediaLeg, on_event, near)

    @property
    def public_host(self) -> str | None:
        """Where our legs are reached from beyond a NAT, port by port, if there is one."""
        host = self._settings.public_host
        return str(host) if host else None

    def open_secure_leg(
        self, on_event: Callable[[LegMediaEvent], None], *, near: MediaLeg | None = None
    ) -> SecureMediaLeg:
        """The same with SRTP, for a browser."""
        return self._open(SecureMediaLeg, on_event, near)

    def _open(
        self,
        kind: type[LegT],
        on_event: Callable[[LegMediaEvent], None],
        near: MediaLeg | None,
    ) -> LegT:
        native = self.native
        assert self._ports is not None
        at = near.native.shard if near else self._least_loaded()
        shard = self._shards[at]
        _, _, _, tick_us, _ = native.ticks(at)
        admit(legs=shard.legs, most=self._settings.max_legs, tick_us=tick_us)
        phase = near.native.phase if near else shard.phases.index(min(shard.phases))
        ports = self._ports.take()
        try:
            with orders():
                number, handle = native.add_leg(
                    at,
                    phase,
                    ports.rtp.fileno(),
                    ports.rtcp.fileno(),
                    self._settings.rtp_timeout_seconds * 1_000,
                    self._random.getrandbits(64),
                    issubclass(kind, SecureMediaLeg),
                )
        except MediaError:
            self._ports.give_back(ports)
            raise
        shard.legs += 1
        shard.phases[phase] += 1
        leg = self._legs[number] = kind(self, handle, ports, on_event)
        return leg

    def open_bridge(self, near: MediaLeg) -> MediaBridge:
        """A bridge for `near` and legs near it. Raises OverCapacity."""
        self._refuse_beyond(len(self._bridges))
        with orders():
            number, handle = self.native.add_bridge(near.native.shard, near.native.phase)
        bridge = self._bridges[number] = MediaBridge(self, handle)
        return bridge

    def record(self, path: Path, *, left: MediaLeg, right: MediaLeg | None = None) -> Recording:
        """Record what the legs say into a new WAV file: one channel, or left and right.

        Raises OSError when the file cannot be made, OverCapacity, and MediaError for legs of two
        media threads.
        """
        self._refuse_beyond(len(self._recordings))
        return self._recordings.open(path, left=left, right=right)

    def tap(self, leg: MediaLeg, *, seconds: float = 10) -> Tap:
        """Listen to what the leg says; it has one tap at a time. Raises MediaError for one that is
        closing."""
        if leg.is_closing:
            raise MediaError("a leg that is closing cannot be tapped")
        with orders():
            native = self.native.tap(leg.native, int(seconds * 8_000))

        def close() -> None:
            if not leg.is_closing and self.is_running:
                with orders():
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

    def begin_playback(self, leg: NativeLeg, playback: Playback, *, loop: bool) -> None:
        with orders():
            number = self.native.play(leg, playback.audio, loop)
        self._playing[number] = playback

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
        if kind == Kind.PLAYED:
            playback = self._playing.pop(a, None)
            if playback is not None:
                playback.end(b if b >= 0 else -b - 1, complete=b >= 0)
        elif kind == Kind.CLOSED:
            self._leg_closed(number)
        elif kind == Kind.BRIDGE_CLOSED:
            self._bridges.pop(number).release()
        elif kind == Kind.RECORDED:
            self._recordings.ended(number, a, b)
        elif kind == Kind.RECORDING_FAILED:
            self._recordings.failed(number, b)
        elif kind == Kind.DATAGRAM:
            self._take_datagrams(number)
        elif (leg := self._legs.get(number)) is not None:
            event = leg_event(kind, a, b)
            if event is not None:
                leg.on_event(event)

    def _take_datagrams(self, number: int) -> None:
        leg = self._legs.get(number)
        if not isinstance(leg, SecureMediaLeg) or leg.is_closing:
            return
        for data, host, port in self.native.datagrams(leg.native):
            if leg.on_datagram is not None:
                leg.on_datagram(data, (host, port))

    def _leg_closed(self, number: int) -> None:
        leg = self._legs.pop(number)
        shard = self._shards[leg.native.shard]
        shard.legs -= 1
        shard.phases[leg.native.phase] -= 1
        assert self._ports is not None
        self._ports.give_back(leg.ports)
        leg.release()
