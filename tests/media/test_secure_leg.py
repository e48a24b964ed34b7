"""Secure legs of the real engine on the loopback, with libsrtp on the other side."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Callable

import numpy as np
import pytest
import pytest_asyncio
from pylibsrtp import Policy, Session

from config.settings import MediaSettings
from media.codecs import Codec
from media.engine import MediaEngine, SecureMediaLeg, StreamParameters
from media.errors import EngineStopped
from media.events import LegMediaEvent, SourceLatched
from tests.support.audio import share_of_tone
from tests.support.rtp_peer import RATE, Changing, decode, encode, tone

Address = tuple[str, int]
STREAM = StreamParameters(
    remote=None,
    codec=Codec.PCMU,
    send_payload_type=0,
    receive_payload_types={0: Codec.PCMU},
)
OURS, THEIRS = bytes(range(30)), bytes(range(30, 60))


@pytest_asyncio.fixture
async def make_engine() -> AsyncIterator[Callable[[str], MediaEngine]]:
    engines: list[MediaEngine] = []

    def make(host: str) -> MediaEngine:
        settings = MediaSettings.model_validate({"shards": 1, "host": host})
        engines.append(MediaEngine(settings, alarm=print))
        return engines[-1]

    yield make
    for engine in engines:
        await engine.stop()


class SecurePhone(Changing):
    """Speaks SRTP with the keys above."""

    def __init__(self, host: str) -> None:
        super().__init__()
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_DGRAM)
        self.socket.bind((host, 0))
        self.socket.setblocking(False)
        self.address: Address = self.socket.getsockname()[:2]
        self.datagrams: list[bytes] = []
        profile = Policy.SRTP_PROFILE_AES128_CM_SHA1_80
        self._in = Session(Policy(OURS, Policy.SSRC_ANY_INBOUND, srtp_profile=profile))
        self._out = Session(Policy(THEIRS, Policy.SSRC_ANY_OUTBOUND, srtp_profile=profile))
        asyncio.get_running_loop().add_reader(self.socket, self._read)

    def _read(self) -> None:
        self.datagrams.append(self.socket.recv(2_048))
        self.changed()

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self.socket)
        self.socket.close()

    def heard(self) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        plain = [self._in.unprotect(d) for d in self.datagrams if d[0] >= 128 and d[1] & 127 == 0]
        return np.concatenate([decode(Codec.PCMU, p[12:]) for p in plain]) / 32_768

    async def speak(self, frequency: float, to: Address, frames: int) -> None:
        for n in range(frames):
            head = struct.pack("!BBHII", 0x80, 0, n, n * 160, 7)
            sound = encode(Codec.PCMU, tone(frequency, n * 160, 160))
            self.socket.sendto(self._out.protect(head + sound), to)
            await asyncio.sleep(0.02)


class Told(Changing):
    def __init__(self) -> None:
        super().__init__()
        self.datagrams: list[tuple[bytes, Address]] = []
        self.events: list[LegMediaEvent] = []

    def datagram(self, data: bytes, source: Address) -> None:
        self.datagrams.append((data, source))
        self.changed()


def secure_leg(engine: MediaEngine) -> tuple[SecureMediaLeg, Told]:
    told = Told()
    leg = engine.open_secure_leg(told.events.append)
    leg.on_datagram = told.datagram
    leg.set_stream(STREAM)
    return leg, told


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_datagrams_and_sound_share_one_port(
    make_engine: Callable[[str], MediaEngine], host: str
) -> None:
    engine = make_engine(host)
    await engine.start()
    leg, told = secure_leg(engine)
    phone = SecurePhone(host)
    phone.socket.sendto(b"\x00\x01 check", leg.address)
    await told.until(lambda: bool(told.datagrams))
    assert told.datagrams == [(b"\x00\x01 check", phone.address)]
    leg.send_datagram(b"\x01\x01 answer", phone.address)
    await phone.until(lambda: phone.datagrams == [b"\x01\x01 answer"])

    leg.set_keys(profile=1, ours=OURS, theirs=THEIRS)
    leg.set_peer(phone.address)
    tap = engine.tap(leg)
    leg.play(tone(1_000, 0, RATE * 2))
    await phone.speak(440, leg.address, 50)
    heard = np.concatenate(tap.read()) / 32_768
    assert share_of_tone(heard[2_400:7_200], RATE, 440) > 0.9
    assert share_of_tone(phone.heard()[800:4_800], RATE, 1_000) > 0.9
    assert any(isinstance(event, SourceLatched) for event in told.events)
    phone.close()


async def test_what_fits_no_secure_leg_is_refused(
    make_engine: Callable[[str], MediaEngine],
) -> None:
    engine = make_engine("127.0.0.1")
    await engine.start()
    leg, told = secure_leg(engine)
    for profile, ours, theirs in [(1, b"", b""), (1, OURS, THEIRS[1:]), (2, OURS, THEIRS)]:
        with pytest.raises(ValueError, match="no keys"):
            leg.set_keys(profile=profile, ours=ours, theirs=theirs)
    plain = engine.open_leg(lambda _: None)
    with pytest.raises(ValueError, match="no keys"):
        engine.native.set_keys(plain.native, 1, OURS, THEIRS)
    with pytest.raises(ValueError, match="not secure"):
        engine.native.set_peer(plain.native, "127.0.0.1", 1)
    assert engine.native.datagrams(plain.native) == []
    leg.send_datagram(b"into the void", ("127.0.0.1", 1))
    leg.send_datagram(bytes(70_000), ("127.0.0.1", 1))
    closing = asyncio.get_running_loop().create_task(leg.close())
    await asyncio.sleep(0)
    leg.set_keys(profile=1, ours=OURS, theirs=THEIRS)
    leg.set_peer(("127.0.0.1", 1))
    leg.send_datagram(b"too late", ("127.0.0.1", 1))
    await closing
    assert told.datagrams == []
    await engine.stop()
    with pytest.raises(EngineStopped):
        engine.open_secure_leg(lambda _: None)
