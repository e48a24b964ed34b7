"""A party that speaks RTP: says a tone every 20 ms and keeps what it is sent."""

import asyncio
import struct
from contextlib import suppress

import numpy as np

from tests.support.audio import Samples

FRAME = 160


def mu_law(samples: Samples) -> bytes:
    """G.711 mu-law of -1.0 to 1.0, from the definition's formula."""
    value = np.clip(samples * 32_767, -32_635, 32_635).astype(int)
    sign = np.where(value < 0, 0x80, 0)
    magnitude = np.abs(value) + 132
    segment = np.clip(np.floor(np.log2(magnitude)).astype(int) - 7, 0, 7)
    mantissa = (magnitude >> (segment + 3)) & 0x0F
    return bytes((~(sign | segment << 4 | mantissa) & 0xFF).astype(np.uint8))


def linear(data: bytes) -> Samples:
    bits = ~np.frombuffer(data, np.uint8).astype(int) & 0xFF
    magnitude = (((bits & 0x0F) << 3) + 132) << ((bits & 0x70) >> 4)
    return np.where(bits & 0x80, 132 - magnitude, magnitude - 132) / 32_768


class RtpPeer(asyncio.DatagramProtocol):
    """Open it, point it `at` a leg, and `say` something."""

    def __init__(self) -> None:
        self.packets: list[bytes] = []
        self.address: tuple[str, int] = ("", 0)
        self.at: tuple[str, int] = ("", 0)
        self.ssrc = 0x1234
        self.sequence = 65_530  # it wraps soon
        self.timestamp = 4_294_960_000
        self._transport: asyncio.DatagramTransport | None = None
        self._got = asyncio.Event()

    @classmethod
    async def open(cls, *, host: str = "127.0.0.1") -> "RtpPeer":
        loop = asyncio.get_running_loop()
        _, peer = await loop.create_datagram_endpoint(cls, local_addr=(host, 0))
        return peer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]
        self.address = transport.get_extra_info("sockname")[:2]

    def datagram_received(self, data: bytes, addr: object) -> None:
        self.packets.append(data)
        self._got.set()

    def send(self, payload: bytes, *, payload_type: int = 0, marker: bool = False) -> None:
        head = struct.pack(
            "!BBHII",
            0x80,
            marker << 7 | payload_type,
            self.sequence & 0xFFFF,
            self.timestamp & 0xFFFFFFFF,
            self.ssrc,
        )
        self.sequence += 1
        self.raw(head + payload)

    def raw(self, data: bytes) -> None:
        assert self._transport is not None
        self._transport.sendto(data, self.at)

    async def say(self, frequency: float, *, seconds: float) -> None:
        """A sine at a quarter of full scale, in real time."""
        loop = asyncio.get_running_loop()
        begin = loop.time()
        for frame in range(round(seconds * 50)):
            at = (np.arange(FRAME) + frame * FRAME) / 8_000
            self.send(mu_law(0.25 * np.sin(2 * np.pi * frequency * at)))
            self.timestamp += FRAME
            await asyncio.sleep(max(0.0, begin + (frame + 1) * 0.02 - loop.time()))

    async def press(self, event: int, *, frames: int = 5, ends: int = 3) -> None:
        """A key as RFC 4733 events; `ends` = 0 is an end that got lost."""
        for n in range(frames + ends):
            duration = min(n + 1, frames) * FRAME
            end = 0x80 if n >= frames else 0
            payload = struct.pack("!BBH", event, end | 10, duration)
            self.send(payload, payload_type=101, marker=n == 0)
            await asyncio.sleep(0.02 if n < frames else 0)
        self.timestamp += frames * FRAME

    async def until(self, count: int, *, seconds: float = 5) -> None:
        """Wait for so many packets."""
        async with asyncio.timeout(seconds):
            while len(self.packets) < count:
                self._got.clear()
                await self._got.wait()

    def audio(self) -> Samples:
        """What was heard, in the order of sending."""
        parts = [p[12:] for p in self.packets if p[1] & 0x7F == 0]
        return linear(b"".join(parts))

    def events(self) -> list[bytes]:
        return [p for p in self.packets if p[1] & 0x7F == 101]

    def close(self) -> None:
        with suppress(AttributeError):
            self._transport.close()  # type: ignore[union-attr]
