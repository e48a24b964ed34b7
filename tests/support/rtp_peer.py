"""An RTP phone in a few lines: sends tones, keys and reports, keeps whatever comes back."""

import asyncio
import socket
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from media.codecs import Codec
from tests.support.audio import Samples

Pcm = NDArray[np.int16]
Pattern = Callable[[int], Sequence[int]]
"""Turn of the clock -> which frames to send in it; losses, repeats and wrong order are patterns."""

RATE = 8_000
EVENT_TYPE = 101
TIMEOUT_SECONDS = 8.0
_AUDIO_TYPES = {0: Codec.PCMU, 8: Codec.PCMA, 111: Codec.OPUS}
_NTP_UNIX = 2_208_988_800


def _mu_law_table() -> Pcm:
    codes = ~np.arange(256) & 0xFF
    magnitudes = (((codes & 15) * 2 + 33) << (codes >> 4 & 7)) - 33
    return (np.where(codes & 0x80, -magnitudes, magnitudes) * 4).astype(np.int16)


def _a_law_table() -> Pcm:
    codes = np.arange(256) ^ 0x55
    segments, steps = codes >> 4 & 7, codes & 15
    linear = steps * 2 + 1
    magnitudes = np.where(segments == 0, linear, (linear + 32) << np.maximum(segments - 1, 0))
    return (np.where(codes & 0x80, magnitudes, -magnitudes) * 8).astype(np.int16)


_TABLES = {Codec.PCMU: _mu_law_table(), Codec.PCMA: _a_law_table()}


def decode(codec: Codec, data: bytes) -> Pcm:
    decoded: Pcm = _TABLES[codec][np.frombuffer(data, np.uint8)]
    return decoded


def encode(codec: Codec, samples: Pcm) -> bytes:
    """The nearest code word of every sample."""
    table = _TABLES[codec].astype(np.int32)
    order = np.argsort(table)
    levels = table[order]
    above = np.clip(np.searchsorted(levels, samples), 1, 255)
    nearer_below = samples - levels[above - 1] <= levels[above] - samples
    return bytes(order[np.where(nearer_below, above - 1, above)].astype(np.uint8))


def tone(
    frequency: float, first: int, count: int, *, amplitude: int = 8_000, rate: int = RATE
) -> Pcm:
    """Samples `first` and following of a sine that began at sample 0."""
    at = np.arange(first, first + count)
    return (amplitude * np.sin(2 * np.pi * frequency * at / rate)).astype(np.int16)


@dataclass(frozen=True, slots=True)
class RtpPacket:
    payload_type: int
    marker: bool
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes

    def pack(self) -> bytes:
        second = self.payload_type | (0x80 if self.marker else 0)
        head = struct.pack(
            "!BBHII",
            0x80,
            second,
            self.sequence & 0xFFFF,
            self.timestamp & 0xFFFFFFFF,
            self.ssrc,
        )
        return head + self.payload

    @classmethod
    def unpack(cls, data: bytes) -> "RtpPacket":
        first, second, sequence, timestamp, ssrc = struct.unpack_from("!BBHII", data)
        assert first == 0x80
        return cls(second & 0x7F, second > 0x7F, sequence, timestamp, ssrc, data[12:])


class Changing:
    """Something one can wait for to change."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()

    def changed(self) -> None:
        self._changed.set()

    async def until(
        self, condition: Callable[[], bool], *, seconds: float = TIMEOUT_SECONDS
    ) -> None:
        """Raises TimeoutError when it never comes true."""
        async with asyncio.timeout(seconds):
            while not condition():
                self._changed.clear()
                await self._changed.wait()


class _Reports(asyncio.DatagramProtocol):
    def __init__(self, take: Callable[[bytes, tuple[str, int]], None]) -> None:
        self._take = take

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._take(data, addr)


class RtpPeer(Changing, asyncio.DatagramProtocol):
    """One end of a call. Sequence numbers and timestamps begin just before they wrap."""

    def __init__(self, *, codec: Codec, ptime_ms: int) -> None:
        super().__init__()
        self.codec = codec
        self.rate = codec.clock_rate
        self.samples = ptime_ms * self.rate // 1_000
        self.ssrc = 0x1234_5678
        self.sequence = 65_530
        self.timestamp = 0xFFFF_FE00
        self.target: tuple[str, int] = ("", 0)
        self.packets: list[RtpPacket] = []
        self.reports: list[tuple[float, bytes]] = []
        """RTCP packets with the loop's time when they came."""
        self.frames_sent = 0
        self._timer: asyncio.TimerHandle | None = None
        self._rtp: asyncio.DatagramTransport | None = None
        self._rtcp: asyncio.DatagramTransport | None = None

    @classmethod
    async def open(
        cls, *, codec: Codec = Codec.PCMU, ptime_ms: int = 20, host: str = "127.0.0.1"
    ) -> "RtpPeer":
        peer = cls(codec=codec, ptime_ms=ptime_ms)
        loop = asyncio.get_running_loop()
        rtp, rtcp = _bind_pair(host)
        peer._rtp, _ = await loop.create_datagram_endpoint(lambda: peer, sock=rtp)
        peer._rtcp, _ = await loop.create_datagram_endpoint(
            lambda: _Reports(peer._report_received), sock=rtcp
        )
        return peer

    async def __aenter__(self) -> "RtpPeer":
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        self.fall_silent()
        for transport in (self._rtp, self._rtcp):
            if transport is not None:
                transport.close()

    @property
    def address(self) -> tuple[str, int]:
        assert self._rtp is not None
        host, port = self._rtp.get_extra_info("sockname")[:2]
        return host, port

    # --- receiving

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.packets.append(RtpPacket.unpack(data))
        self.changed()

    def _report_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.reports.append((asyncio.get_running_loop().time(), data))
        self.changed()

    async def got(self, count: int) -> None:
        """Until so many packets have come."""
        await self.until(lambda: len(self.packets) >= count)

    def audio_packets(self, *, since: int = 0) -> list[RtpPacket]:
        """What came as sound, in order of sequence, without the first `since` packets."""
        packets = [p for p in self.packets[since:] if p.payload_type in _AUDIO_TYPES]
        if not packets:
            return []
        first = packets[0].sequence
        return sorted(packets, key=lambda p: (p.sequence - first + 0x8000) % 0x10000)

    def heard_pcm(self, *, since: int = 0) -> Pcm:
        parts = [
            decode(_AUDIO_TYPES[p.payload_type], p.payload) for p in self.audio_packets(since=since)
        ]
        return np.concatenate(parts) if parts else np.zeros(0, np.int16)

    def heard(self, *, since: int = 0) -> Samples:
        """What came as sound, -1.0 to 1.0."""
        return self.heard_pcm(since=since) / 32_768

    async def hear(self, milliseconds: int) -> Samples:
        """The sound of the next so many milliseconds."""
        start = len(self.packets)
        wanted = milliseconds * self.rate // 1_000
        await self.until(lambda: len(self.heard_pcm(since=start)) >= wanted)
        return self.heard(since=start)[:wanted]

    def key_packets(self) -> list[RtpPacket]:
        return [p for p in self.packets if p.payload_type == EVENT_TYPE]

    # --- sending

    def send_raw(self, data: bytes) -> None:
        assert self._rtp is not None
        self._rtp.sendto(data, self.target)

    def encode(self, samples: Pcm) -> bytes:
        return encode(self.codec, samples)

    def frame(self, number: int, sound: Callable[[int, int], Pcm]) -> RtpPacket:
        payload = self.encode(sound(number * self.samples, self.samples))
        return RtpPacket(
            self.codec.payload_type,
            number == 0,
            (self.sequence + number) & 0xFFFF,
            (self.timestamp + number * self.samples) & 0xFFFFFFFF,
            self.ssrc,
            payload,
        )

    def say(
        self,
        frequency: float,
        *,
        frames: int | None = None,
        pattern: Pattern = lambda turn: (turn,),
    ) -> None:
        """Send a tone from now on, by the clock, for so many turns or until told otherwise."""
        self.say_sound(
            lambda first, count: tone(frequency, first, count, rate=self.rate), frames, pattern
        )

    def say_sound(
        self,
        sound: Callable[[int, int], Pcm],
        frames: int | None = None,
        pattern: Pattern = lambda turn: (turn,),
    ) -> None:
        self.fall_silent()
        loop = asyncio.get_running_loop()
        began = loop.time()
        self.frames_sent = 0

        def turn() -> None:
            for number in pattern(self.frames_sent):
                self.send_raw(self.frame(number, sound).pack())
            self.frames_sent += 1
            self._timer = None
            if frames is None or self.frames_sent < frames:
                due = began + self.frames_sent * self.samples / self.rate
                self._timer = loop.call_at(due, turn)
            self.changed()

        turn()

    def fall_silent(self) -> None:
        """Stop sending; what is sent next goes on where this ended."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.sequence += self.frames_sent
        self.timestamp += self.frames_sent * self.samples
        self.frames_sent = 0

    async def said(self, frames: int) -> None:
        """Until so many turns have been sent."""
        await self.until(lambda: self.frames_sent >= frames)

    async def speak(self, frequency: float, *, seconds: float) -> None:
        """Say a tone for so long, until its last frame is over."""
        frames = round(seconds * self.rate / self.samples)
        self.say(frequency, frames=frames)
        await self.said(frames)
        await asyncio.sleep(self.samples / self.rate)
        self.fall_silent()

    def press(self, event: int, *, milliseconds: int, ends: int = 3) -> None:
        """One key as RFC 4733 has it, all its packets at once; without ends, its end got lost."""
        for packet in self._key_packets(event, milliseconds, ends):
            self.send_raw(packet.pack())

    async def hold_key(self, event: int, *, milliseconds: int, ends: int = 3) -> None:
        """The same by the clock, as a finger does it."""
        for packet in self._key_packets(event, milliseconds, ends):
            self.send_raw(packet.pack())
            await asyncio.sleep(0.02)

    def _key_packets(self, event: int, milliseconds: int, ends: int) -> list[RtpPacket]:
        self.fall_silent()
        durations = [d * self.rate // 1_000 for d in range(20, milliseconds + 1, 20)]
        told = [(d, False) for d in durations] + [(durations[-1], True)] * ends
        packets = [
            RtpPacket(
                EVENT_TYPE,
                number == 0,
                self.sequence + number,
                self.timestamp,
                self.ssrc,
                struct.pack("!BBH", event, (0x80 if end else 0) | 10, duration),
            )
            for number, (duration, end) in enumerate(told)
        ]
        self.sequence += len(packets)
        self.timestamp += durations[-1] + self.rate // 25
        return packets

    def send_report(self, data: bytes) -> None:
        assert self._rtcp is not None
        self._rtcp.sendto(data, (self.target[0], self.target[1] + 1))

    def sender_report(self, wall_seconds: float, *, block: bytes = b"") -> bytes:
        """An SR of that time, with one report block if given."""
        seconds = int(wall_seconds)
        ntp = (seconds + _NTP_UNIX) << 32 | int((wall_seconds - seconds) * 2**32)
        body = struct.pack("!IQIII", self.ssrc, ntp, self.timestamp & 0xFFFFFFFF, 0, 0) + block
        return struct.pack("!BBH", 0x80 | bool(block), 200, len(body) // 4) + body


def report_block(ssrc: int, *, fraction_lost: int, last_sr: int, delay: float) -> bytes:
    """What a receiver says of the stream `ssrc`; `delay` is in seconds since that SR came."""
    return struct.pack("!IIIIII", ssrc, fraction_lost << 24, 0, 0, last_sr, round(delay * 65_536))


def _bind_pair(host: str) -> tuple[socket.socket, socket.socket]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for _ in range(200):
        rtp = socket.socket(family, socket.SOCK_DGRAM)
        rtcp = socket.socket(family, socket.SOCK_DGRAM)
        rtp.bind((host, 0))
        port = int(rtp.getsockname()[1])
        try:
            if port % 2 == 0 and port < 65_535:
                rtcp.bind((host, port + 1))
                return rtp, rtcp
        except OSError:
            pass
        rtp.close()
        rtcp.close()
    raise RuntimeError("no pair of ports is free on this machine")
