"""One party's RTP as an object: its stream, what is played to it, its keys and its figures."""

import asyncio
from collections.abc import Callable
from typing import Protocol

import numpy as np

from media.audio import Audio
from media.codecs import Codec
from media.events import DIGITS, LegMediaEvent
from media.native._engine import NativeLeg
from media.orders import EngineAccess, orders
from media.playback import Playback
from media.ports import PortPair
from media.quality import estimate
from media.statistics import LegStatistics
from media.streams import StreamParameters

_LONGEST_KEY_MS = 8_000
"""More does not fit into the 16 bits of a telephone-event's duration."""
_NUMBERS = {Codec.PCMU: 0, Codec.PCMA: 1, Codec.OPUS: 2}
"""The engine's own; they must agree with codec.h."""


class LegControl(EngineAccess, Protocol):
    """What a leg asks of the engine."""

    def begin_playback(self, leg: NativeLeg, playback: Playback, *, loop: bool) -> None: ...


class MediaLeg:
    """One party's RTP."""

    def __init__(
        self,
        engine: LegControl,
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
        with orders():
            self._engine.native.set_stream(
                self.native,
                parameters.remote,
                parameters.flow.bits,
                parameters.send_payload_type,
                _NUMBERS[parameters.codec],
                {t: _NUMBERS[codec] for t, codec in parameters.receive_payload_types.items()},
                _type_or_none(parameters.dtmf_send_payload_type),
                _type_or_none(parameters.dtmf_receive_payload_type),
                parameters.dtmf_clock_rate,
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
            with orders():
                self._engine.native.stop_playing(self.native)

    def send_digits(self, digits: str, *, tone_ms: int = 100, gap_ms: int = 60) -> None:
        """Send keys as telephone-events; raises ValueError for what is no key."""
        events = [DIGITS.index(digit) for digit in digits.upper()]
        if self._closing:
            return
        tone, gap = (min(_LONGEST_KEY_MS, max(20, ms)) * 8 for ms in (tone_ms, gap_ms))
        with orders():
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
                with orders():
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


def _type_or_none(payload_type: int | None) -> int:
    return -1 if payload_type is None else payload_type
