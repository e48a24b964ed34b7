"""The DTLS server of one leg: its only work is to agree on the keys of SRTP (RFC 5764).

aiortc does the protocol, on a transport of ours in place of its own ICE. The names it is used by
here are not promised to stay, so its version is pinned and a test looks at every one of them.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache

from aiortc import RTCCertificate, RTCDtlsTransport
from aiortc.rtcdtlstransport import RTCDtlsFingerprint, RTCDtlsParameters, State
from OpenSSL import SSL

from telephony.webrtc.parameters import Fingerprint

ALGORITHM = "sha-256"
_MOST_WAITING = 32
_LABEL = b"EXTRACTOR-dtls_srtp"
_WEEK_SECONDS = 7 * 24 * 3_600
_NUMBERS = {
    b"SRTP_AES128_CM_SHA1_80": 1,
    b"SRTP_AEAD_AES_128_GCM": 7,
    b"SRTP_AEAD_AES_256_GCM": 8,
}


class DtlsFailed(Exception):
    """There are no keys; the message says why, for people."""


@dataclass(frozen=True, slots=True)
class SrtpKeys:
    profile: int
    """Its number in DTLS-SRTP."""
    ours: bytes = field(repr=False)
    theirs: bytes = field(repr=False)
    """Key and salt of what each side sends."""


def process_certificate() -> RTCCertificate:
    """One of ECDSA P-256 for all legs. It is valid for a month, and servers run longer than that:
    every week there is a new one, for legs that begin then."""
    return _certificate_of(int(datetime.now(UTC).timestamp()) // _WEEK_SECONDS)


@lru_cache(maxsize=1)
def _certificate_of(week: int) -> RTCCertificate:  # noqa: ARG001 - what the cache goes by
    return RTCCertificate.generateCertificate()


class _Datagrams:
    """What aiortc uses of an ICE transport."""

    role = "controlled"
    state = "completed"

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self._waiting: asyncio.Queue[bytes] = asyncio.Queue(_MOST_WAITING)
        self._send_now = send

    def put(self, data: bytes) -> None:
        if not self._waiting.full():  # else it is lost, and sent again
            self._waiting.put_nowait(data)

    async def _recv(self) -> bytes:
        return await self._waiting.get()

    async def _send(self, data: bytes) -> None:
        self._send_now(data)


class _Transport(RTCDtlsTransport):
    """Keeps the keys for the engine, where aiortc would make SRTP sessions of its own."""

    def __init__(self, datagrams: _Datagrams, certificate: RTCCertificate) -> None:
        super().__init__(datagrams, [certificate])  # type: ignore[arg-type]
        self.keys: SrtpKeys | None = None
        self.ended = asyncio.Event()
        self._set_role("server")
        self.on("statechange", self._note_end)

    def _note_end(self) -> None:
        if self._state in (State.CLOSED, State.FAILED):
            self.ended.set()

    def _setup_srtp(self) -> None:
        assert self._ssl is not None
        chosen = self._ssl.get_selected_srtp_profile()
        profile = next((p for p in self._srtp_profiles if p.openssl_profile == chosen), None)
        if profile is None:
            self._set_state(State.FAILED)
            return
        size = 2 * (profile.key_length + profile.salt_length)
        material = self._ssl.export_keying_material(_LABEL, size)
        # The client's comes first, and we are the server.
        self.keys = SrtpKeys(
            profile=_NUMBERS[chosen],
            ours=profile.get_key_and_salt(material, 1),
            theirs=profile.get_key_and_salt(material, 0),
        )


class DtlsServer:
    """Takes datagrams from the start; those that come early wait for the handshake to begin."""

    def __init__(self, send: Callable[[bytes], None]) -> None:
        certificate = process_certificate()
        self._datagrams = _Datagrams(send)
        self._transport = _Transport(self._datagrams, certificate)
        value = next(f.value for f in certificate.getFingerprints() if f.algorithm == ALGORITHM)
        self.fingerprint = Fingerprint(ALGORITHM, value)

    def receive(self, data: bytes) -> None:
        self._datagrams.put(data)

    async def handshake(self, expected: Sequence[Fingerprint]) -> SrtpKeys:
        """Once. `expected` are the fingerprints that the peer announced of its certificate.

        It waits for the peer for as long as the caller lets it. Raises DtlsFailed.
        """
        fingerprints = [RTCDtlsFingerprint(f.algorithm, f.value) for f in expected]
        try:
            await self._transport.start(RTCDtlsParameters(fingerprints))
        except (SSL.Error, ValueError) as error:  # the second for a certificate of nonsense
            raise DtlsFailed("the DTLS handshake failed") from error
        keys, self._transport.keys = self._transport.keys, None
        if keys is not None:
            return keys
        if self._transport.encrypted:
            raise DtlsFailed("the browser's certificate is not the one it announced")
        raise DtlsFailed("the DTLS handshake failed")

    async def ended(self) -> None:
        """Until the peer has said goodbye."""
        await self._transport.ended.wait()

    async def close(self) -> None:
        """Say goodbye, if there is a peer."""
        await self._transport.stop()
