"""Sessions on a virtual clock, with a DTLS client next door; and what we use of aiortc."""

import asyncio
import inspect
import random
import re
import tomllib
from pathlib import Path

import pytest
from aioice import stun
from aiortc import RTCCertificate, RTCDtlsTransport
from aiortc.rtcdtlstransport import (
    SRTP_PROFILES,
    RTCDtlsFingerprint,
    RTCDtlsParameters,
    SRTPProtectionProfile,
    State,
)

from telephony.webrtc.dtls import SrtpKeys, process_certificate
from telephony.webrtc.parameters import Address, Fingerprint, IceCredentials, RemoteTransport
from telephony.webrtc.session import OnDatagram, SessionState, WebRtcSession
from tests.support.virtual_time import run_virtual

ROOT = Path(__file__).parents[2]
PHONE = ("192.0.2.1", 4_000)
THEIRS = IceCredentials("theirs", "their-password-of-22-letters")


class FakeLeg:
    """Between a session and one client, losing nothing."""

    def __init__(self) -> None:
        self.address: Address = ("198.51.100.1", 30_000)
        self.on_datagram: OnDatagram | None = None
        self.keys: tuple[int, bytes, bytes] | None = None
        self.peer: Address | None = None
        self.sent: list[tuple[bytes, Address]] = []
        self.for_client: asyncio.Queue[bytes] = asyncio.Queue()

    def set_keys(self, *, profile: int, ours: bytes, theirs: bytes) -> None:
        self.keys = (profile, ours, theirs)

    def set_peer(self, address: Address) -> None:
        self.peer = address

    def send_datagram(self, data: bytes, address: Address) -> None:
        self.sent.append((data, address))
        if data[0] >= 20:
            self.for_client.put_nowait(data)

    def take(self, data: bytes, source: Address = PHONE) -> None:
        if self.on_datagram is not None:
            self.on_datagram(data, source)


class LossyLeg(FakeLeg):
    """Loses every third datagram of DTLS, each way."""

    def __init__(self) -> None:
        super().__init__()
        self._ways = {"in": 0, "out": 0}

    def _is_lost(self, data: bytes, way: str) -> bool:
        if data[0] < 20:
            return False
        self._ways[way] += 1
        return self._ways[way] % 3 == 1

    def send_datagram(self, data: bytes, address: Address) -> None:
        if not self._is_lost(data, "out"):
            super().send_datagram(data, address)

    def take(self, data: bytes, source: Address = PHONE) -> None:
        if not self._is_lost(data, "in"):
            super().take(data, source)


class Client:
    """A browser without sound."""

    role = "controlling"
    state = "completed"

    def __init__(self, leg: FakeLeg, session: WebRtcSession) -> None:
        self.leg = leg
        self.session = session
        certificate = RTCCertificate.generateCertificate()
        self.dtls = RTCDtlsTransport(self, [certificate])  # type: ignore[arg-type]
        self.dtls._set_role("client")
        self.fingerprints = tuple(
            Fingerprint(f.algorithm, f.value) for f in certificate.getFingerprints()
        )

    async def _recv(self) -> bytes:
        return await self.leg.for_client.get()

    async def _send(self, data: bytes) -> None:
        self.leg.take(data)

    @property
    def remote(self) -> RemoteTransport:
        return RemoteTransport(THEIRS, self.fingerprints, "active")

    def check(self, *, nominate: bool = True, source: Address = PHONE) -> None:
        ours = self.session.local.credentials
        message = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
        message.attributes["USERNAME"] = f"{ours.ufrag}:{THEIRS.ufrag}"
        if nominate:
            message.attributes["USE-CANDIDATE"] = None
        message.add_message_integrity(ours.password.encode())
        self.leg.take(bytes(message), source)

    async def connect(self) -> None:
        print_ = self.session.local.fingerprint
        fingerprint = RTCDtlsFingerprint(print_.algorithm, print_.value)
        await self.dtls.start(RTCDtlsParameters([fingerprint]))


class World:
    def __init__(self, leg: FakeLeg | None = None) -> None:
        self.leg = leg or FakeLeg()
        self.told: list[str] = []
        self.session = WebRtcSession(
            self.leg,
            on_connected=lambda: self.told.append("connected"),
            on_failed=lambda reason: self.told.append(f"failed: {reason}"),
            on_lost=lambda reason: self.told.append(f"lost: {reason}"),
            public_host="203.0.113.9",
        )
        self.client = Client(self.leg, self.session)

    async def connect(self) -> None:
        self.client.check()
        self.session.start(self.client.remote)
        await self.client.connect()
        await asyncio.sleep(0)

    async def close(self) -> None:
        await self.session.close()
        await self.client.dtls.stop()


def test_both_sides_agree_on_the_keys() -> None:
    async def main() -> None:
        world = World()
        assert world.session.local.address == world.leg.address
        assert world.session.local.public_host == "203.0.113.9"
        await world.connect()
        assert world.told == ["connected"]
        assert world.leg.peer == PHONE
        assert world.leg.keys is not None
        profile, ours, theirs = world.leg.keys
        assert profile == 8
        assert len(ours) == len(theirs) == 44
        assert ours != theirs
        await world.close()
        assert world.told == ["connected"]

    run_virtual(main())


async def test_what_gets_lost_of_the_handshake_is_sent_again() -> None:
    world = World(LossyLeg())  # by the real clock, which OpenSSL goes by
    async with asyncio.timeout(20):
        await world.connect()
        while not world.told:
            await asyncio.sleep(0.05)
    assert world.told == ["connected"]
    await world.close()


def test_a_leg_lives_by_its_checks_and_is_lost_without() -> None:
    async def main() -> None:
        world = World()
        await world.connect()
        for _ in range(20):
            await asyncio.sleep(10)
            world.client.check(nominate=False)
        assert world.told == ["connected"]
        await asyncio.sleep(29)
        world.client.check(nominate=False, source=("192.0.2.7", 1))
        assert world.told == ["connected"]
        await asyncio.sleep(2)
        assert world.told[1:] == ["lost: nothing was heard of the browser for 30 seconds"]
        assert world.leg.on_datagram is None
        await world.close()

    run_virtual(main())


def test_what_comes_early_is_kept_within_bounds() -> None:
    async def main() -> None:
        world = World()
        world.client.check()
        connecting = asyncio.get_running_loop().create_task(world.client.connect())
        await asyncio.sleep(0)
        for _ in range(10_000):
            world.leg.take(b"\x17\xfe\xfd" + bytes(20))
        assert world.told == []
        world.session.start(world.client.remote)
        await connecting
        await asyncio.sleep(0)
        assert world.told == ["connected"]
        await world.close()

    run_virtual(main())


def test_a_browser_that_never_comes_is_given_up() -> None:
    async def main() -> None:
        world = World()
        world.session.start(world.client.remote)
        world.leg.take(b"\x16\xfe\xfd" + bytes(20))  # of an address that never checked
        await asyncio.sleep(29)
        assert world.told == []
        await asyncio.sleep(2)
        assert world.told == ["failed: no packet of the browser found a way to this server"]
        assert world.session.state is SessionState.ENDED
        await world.close()

    run_virtual(main())


def test_a_handshake_that_does_not_end_is_given_up() -> None:
    async def main() -> None:
        world = World()
        world.client.check()
        world.session.start(world.client.remote)
        await asyncio.sleep(31)
        assert world.told == ["failed: the browser did not finish the DTLS handshake"]
        await world.close()

    run_virtual(main())


def test_another_certificate_than_announced_is_refused() -> None:
    async def main() -> None:
        world = World()
        world.client.check()
        wrong = (Fingerprint("sha-256", ":".join(["00"] * 32)),)
        world.session.start(RemoteTransport(THEIRS, wrong, "active"))
        await world.client.connect()
        await asyncio.sleep(0)
        assert world.told == ["failed: the browser's certificate is not the one it announced"]
        assert world.leg.keys is None
        await world.close()

    run_virtual(main())


def test_a_restart_follows_the_browser_to_another_address() -> None:
    async def main() -> None:
        world = World()
        await world.connect()
        fresh = IceCredentials("fresh", "fresh-password-of-22-letters")
        local = world.session.local
        world.session.update(local, world.client.remote)
        assert world.session.local.credentials != fresh
        moved = type(local)(fresh, local.fingerprint, local.address)
        world.session.update(moved, world.client.remote)
        assert world.session.local.credentials == fresh
        world.client.check(source=("192.0.2.8", 9))
        assert world.leg.peer == ("192.0.2.8", 9)
        await world.close()

    run_virtual(main())


@pytest.mark.parametrize("seed", range(10))
def test_nonsense_instead_of_dtls_ends_in_a_plain_reason(
    seed: int, caplog: pytest.LogCaptureFixture
) -> None:
    chance = random.Random(seed)

    async def main() -> None:
        world = World()
        hello: list[bytes] = []

        async def keep(data: bytes) -> None:
            hello.append(data)
            raise ConnectionError

        world.client._send = keep  # type: ignore[method-assign]
        await world.client.connect()
        world.client.check()
        world.session.start(world.client.remote)
        for _ in range(20):
            data = bytearray(chance.choice([hello[0], chance.randbytes(200)]))
            for _ in range(chance.randrange(8)):
                data[chance.randrange(len(data))] = chance.randrange(256)
            data[0] = chance.choice([20, 21, 22, 23, 26, 40, 63])
            world.leg.take(bytes(data))
            await asyncio.sleep(0)
        await asyncio.sleep(31)
        [told] = world.told
        assert told in (
            "failed: the DTLS handshake failed",
            "failed: the browser did not finish the DTLS handshake",
        )
        await world.session.close()

    run_virtual(main())
    assert not [r for r in caplog.records if r.levelname in ("ERROR", "WARNING")]


def test_a_session_can_be_closed_at_any_time() -> None:
    async def main() -> None:
        new = World()
        await new.session.close()
        with pytest.raises(RuntimeError):
            new.session.start(new.client.remote)
        waiting = World()
        waiting.session.start(waiting.client.remote)
        await asyncio.sleep(1)
        await waiting.close()
        await waiting.session.close()
        await asyncio.sleep(60)
        assert new.told == waiting.told == []

    run_virtual(main())


def test_one_certificate_serves_all_and_is_of_an_elliptic_curve() -> None:
    certificate = process_certificate()
    assert process_certificate() is certificate
    assert certificate._key.curve.name == "secp256r1"


def test_keys_do_not_show_in_any_text() -> None:
    shown = repr(SrtpKeys(8, b"secret", b"secret")) + repr(THEIRS)
    assert "secret" not in shown
    assert THEIRS.password not in shown


def test_aiortc_still_is_what_we_lean_on() -> None:
    """Whoever raises its version finds here all that is not promised."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert any(re.fullmatch(r"aiortc==[\d.]+", d) for d in project["project"]["dependencies"])
    for name, parameters in {
        "_set_role": ["self", "role"],
        "_set_state": ["self", "state"],
        "_setup_srtp": ["self"],
        "start": ["self", "remoteParameters"],
        "stop": ["self"],
    }.items():
        signature = inspect.signature(getattr(RTCDtlsTransport, name))
        assert list(signature.parameters) == parameters
    source = inspect.getsource(RTCDtlsTransport)
    used = set(re.findall(r"self\.transport\.(\w+)|self\._transport\.(\w+)", source))
    assert {a or b for a, b in used} == {"_recv", "_send", "role"}
    assert {"NEW", "CONNECTING", "CONNECTED", "CLOSED", "FAILED"} == set(State.__members__)
    assert {p.openssl_profile for p in SRTP_PROFILES} == {
        b"SRTP_AEAD_AES_256_GCM",
        b"SRTP_AEAD_AES_128_GCM",
        b"SRTP_AES128_CM_SHA1_80",
    }
    assert SRTPProtectionProfile(0, b"", 2, 1).get_key_and_salt(b"aabbxy", 1) == b"bby"
