"""The association with a peer over which SIP messages travel."""

from dataclasses import dataclass
from typing import TypeAlias

Address: TypeAlias = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Flow:
    """Where a message came from, and where an answer or a later request goes."""

    transport: str
    """`udp`, `tcp`, or a browser's `ws`."""
    remote: Address
    local: Address
    connection: int = 0
    """Number of the stream connection; 0 over UDP. It is never used twice."""
    secure: bool = False
    """Whether TLS is beneath, of our own doing."""

    @property
    def is_browser(self) -> bool:
        return self.transport == "ws"

    @property
    def via_transport(self) -> str:
        """As a Via header names it (RFC 7118 section 5.2)."""
        return self.transport.upper() + ("S" if self.secure else "")

    @property
    def reliable(self) -> bool:
        return self.transport != "udp"
