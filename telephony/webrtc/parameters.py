"""What two ends of a WebRTC leg tell each other about their transport."""

from collections.abc import Callable
from dataclasses import dataclass, field

Address = tuple[str, int]

_UFRAG_BYTES = 8
_PASSWORD_BYTES = 16


@dataclass(frozen=True, slots=True)
class IceCredentials:
    ufrag: str
    password: str = field(repr=False)

    @classmethod
    def made(cls, random_hex: Callable[[int], str]) -> "IceCredentials":
        """`random_hex` gives so many unguessable bytes, as `secrets.token_hex` does."""
        return cls(random_hex(_UFRAG_BYTES), random_hex(_PASSWORD_BYTES))


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Of a certificate: the hash function's name, and its value as pairs of digits."""

    algorithm: str
    value: str


@dataclass(frozen=True, slots=True)
class LocalTransport:
    """Where and how we are reached."""

    credentials: IceCredentials
    fingerprint: Fingerprint
    address: Address
    public_host: str | None = None
    """A second host for the same port: what a NAT translates one to one."""


@dataclass(frozen=True, slots=True)
class RemoteTransport:
    """What the browser said of itself. Its candidates are not used: it comes to us."""

    credentials: IceCredentials
    fingerprints: tuple[Fingerprint, ...]
    setup: str
    """`active`, or `actpass` in an offer: we are the DTLS server in any case."""
