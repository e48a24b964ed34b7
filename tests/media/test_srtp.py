"""Our secure RTP and libsrtp understand each other, packet by packet, and refuse the same ones."""

import ctypes
import random
import struct
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pylibsrtp
import pytest
from pylibsrtp import Policy, Session

NATIVE = Path(__file__).parents[2] / "media" / "native"
PACKETS = 10_000
ROOM = 20
PROFILES = {
    1: (Policy.SRTP_PROFILE_AES128_CM_SHA1_80, 30),
    7: (Policy.SRTP_PROFILE_AEAD_AES_128_GCM, 28),
    8: (Policy.SRTP_PROFILE_AEAD_AES_256_GCM, 44),
}


class Ours:
    """One direction of the engine's own."""

    def __init__(self, library: ctypes.CDLL, profile: int, master: bytes, *, outbound: bool):
        self._library = library
        self._srtp = ctypes.c_void_p(library.srtp_new(profile, master, outbound))
        assert self._srtp.value

    def close(self) -> None:
        self._library.srtp_free(self._srtp)

    def call(self, name: str, data: bytes) -> bytes | None:
        buffer = ctypes.create_string_buffer(data, len(data) + ROOM)
        size = ctypes.c_size_t(len(data))
        done = getattr(self._library, name)(self._srtp, buffer, ctypes.byref(size))
        return buffer.raw[: size.value] if done else None


class Theirs:
    def __init__(self, profile: int, master: bytes, *, outbound: bool) -> None:
        kind = Policy.SSRC_ANY_OUTBOUND if outbound else Policy.SSRC_ANY_INBOUND
        policy = Policy(key=master, ssrc_type=kind, srtp_profile=profile)
        policy.window_size = 64
        self._session = Session(policy)

    def call(self, name: str, data: bytes) -> bytes | None:
        calls: dict[str, Callable[[bytes], bytes]] = {
            "srtp_protect": self._session.protect,
            "srtp_unprotect": self._session.unprotect,
            "srtcp_protect": self._session.protect_rtcp,
            "srtcp_unprotect": self._session.unprotect_rtcp,
        }
        try:
            return calls[name](data)
        except pylibsrtp.Error:
            return None


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    path = tmp_path_factory.mktemp("srtp") / "srtp.so"
    sources = [str(NATIVE / "srtp.c")]
    subprocess.run(
        ["gcc", "-std=gnu11", "-O2", "-shared", "-fPIC", *sources, "-o", str(path), "-lcrypto"],
        check=True,
    )
    loaded = ctypes.CDLL(str(path))
    loaded.srtp_new.restype = ctypes.c_void_p
    for name in ("srtp_protect", "srtp_unprotect", "srtcp_protect", "srtcp_unprotect"):
        getattr(loaded, name).restype = ctypes.c_bool
    return loaded


def packet(chance: random.Random, number: int, ssrc: int) -> bytes:
    """With contributors and a header extension in some."""
    contributors = chance.choice((0, 0, 0, 2))
    extended = chance.random() < 0.2
    head = struct.pack(
        "!BBHII",
        0x80 | contributors | (0x10 if extended else 0),
        chance.choice((0, 0x80, 101)),
        number & 0xFFFF,
        number * 160 & 0xFFFFFFFF,
        ssrc,
    )
    extension = struct.pack("!HHI", 0xBEDE, 1, 7) if extended else b""
    return head + bytes(4 * contributors) + extension + chance.randbytes(chance.choice((4, 160)))


def report(chance: random.Random, ssrc: int) -> bytes:
    return struct.pack("!BBHI", 0x80, 201, 1, ssrc) + chance.randbytes(24)


def on_the_way(chance: random.Random, packets: list[bytes]) -> Iterator[bytes]:
    """Lost, repeated, delayed and changed."""
    delayed: list[bytes] = []
    sent: list[bytes] = []
    for data in packets:
        fate = chance.random()
        if fate < 0.1:
            continue
        if fate < 0.2:
            delayed.append(data)
            continue
        if fate < 0.25:
            spoilt = bytearray(data)
            spoilt[chance.randrange(2, len(spoilt))] ^= 1 << chance.randrange(8)
            yield bytes(spoilt)
        if fate < 0.3 and sent:
            yield chance.choice(sent[-200:])
        yield data
        sent.append(data)
        if delayed and chance.random() < 0.2:
            yield delayed.pop(chance.randrange(len(delayed)))


@pytest.mark.parametrize("number", PROFILES)
@pytest.mark.parametrize("we_send", [True, False], ids=["sending", "receiving"])
def test_both_agree_on_every_packet(library: ctypes.CDLL, number: int, *, we_send: bool) -> None:
    chance = random.Random(number)
    profile, size = PROFILES[number]
    master = chance.randbytes(size)
    ours_in = Ours(library, number, master, outbound=False)
    ours_out = Ours(library, number, master, outbound=True)
    theirs_in = Theirs(profile, master, outbound=False)
    sender: Ours | Theirs = ours_out if we_send else Theirs(profile, master, outbound=True)
    plain = [packet(chance, 60_000 + n, 0x1234_5678) for n in range(PACKETS)]
    plain += [packet(chance, 50_000 + n, 0x8765_4321) for n in range(PACKETS // 10)]
    protected = [sender.call("srtp_protect", data) for data in plain]
    assert None not in protected
    known = set(plain)
    taken = 0
    for data in on_the_way(chance, [data for data in protected if data is not None]):
        ours = ours_in.call("srtp_unprotect", data)
        assert ours == theirs_in.call("srtp_unprotect", data)
        assert ours is None or ours in known
        taken += ours is not None
    assert taken > 0.8 * PACKETS
    ours_in.close()
    ours_out.close()


@pytest.mark.parametrize("number", PROFILES)
@pytest.mark.parametrize("we_send", [True, False], ids=["sending", "receiving"])
def test_both_agree_on_every_report(library: ctypes.CDLL, number: int, *, we_send: bool) -> None:
    chance = random.Random(number)
    profile, size = PROFILES[number]
    master = chance.randbytes(size)
    ours_in = Ours(library, number, master, outbound=False)
    ours_out = Ours(library, number, master, outbound=True)
    theirs_in = Theirs(profile, master, outbound=False)
    sender: Ours | Theirs = ours_out if we_send else Theirs(profile, master, outbound=True)
    plain = [report(chance, 0x1234_5678 + n % 2) for n in range(1_000)]
    protected = [sender.call("srtcp_protect", data) for data in plain]
    assert None not in protected
    taken = 0
    for data in on_the_way(chance, [data for data in protected if data is not None]):
        ours = ours_in.call("srtcp_unprotect", data)
        theirs = theirs_in.call("srtcp_unprotect", data)
        assert ours == theirs
        taken += ours is not None
    assert taken > 800
    ours_in.close()
    ours_out.close()
