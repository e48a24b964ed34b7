"""A leg whose sound is SRTP, for browsers; ICE and DTLS, in Python, find out who talks over it."""

from collections.abc import Callable
from contextlib import suppress

from media.leg import MediaLeg
from media.orders import orders

Address = tuple[str, int]


class SecureMediaLeg(MediaLeg):
    """RTP and RTCP on one port, under keys. Nothing is heard or sent until both the keys and the
    peer's address are known; what the stream's parameters say of an address is not used."""

    on_datagram: Callable[[bytes, Address], None] | None = None
    """Told of every STUN or DTLS datagram, up to some fifty a second. Anybody may have sent it."""

    def set_keys(self, *, profile: int, ours: bytes, theirs: bytes) -> None:
        """The profile by its number in DTLS-SRTP, and each side's master key with its salt.

        Never the same ones twice: what was sent under them would lie open. Raises ValueError.
        """
        if not self.is_closing:
            with orders():
                self._engine.native.set_keys(self.native, profile, ours, theirs)

    def set_peer(self, address: Address) -> None:
        """The only address that is heard and sent to, from now on."""
        if not self.is_closing:
            with orders():
                self._engine.native.set_peer(self.native, *address)

    def send_datagram(self, data: bytes, address: Address) -> None:
        """Send as it is; it may get lost, as datagrams do."""
        if not self.is_closing:
            with suppress(OSError):
                self.ports.rtp.sendto(data, address)
