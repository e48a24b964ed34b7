"""Opens listening sockets, and says plainly when somebody else has the port."""

import errno
import socket

from telephony.errors import AddressInUse
from telephony.transport.flow import Address

_RECEIVE_BUFFER = 4 * 1024 * 1024
"""Room for the messages of a burst while the loop is busy; the kernel may grant less."""


def bind(protocol: str, host: str, port: int) -> socket.socket:
    """A bound socket for `udp` or `tcp`. Raises AddressInUse."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    kind = socket.SOCK_DGRAM if protocol == "udp" else socket.SOCK_STREAM
    bound = socket.socket(family, kind)
    try:
        bound.setblocking(False)
        if protocol == "udp":
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
        else:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        if error.errno == errno.EADDRINUSE:
            raise AddressInUse(protocol, host, port) from error
        raise
    return bound


class LocalAddresses:
    """Which address of ours a peer sees, where we listen on all of them."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def towards(self, bound: Address, remote_host: str) -> str:
        if bound[0] not in ("0.0.0.0", "::"):
            return bound[0]
        known = self._known.get(remote_host)
        if known is None:
            if len(self._known) >= 10_000:
                self._known.clear()
            known = self._known[remote_host] = _source_address(remote_host) or bound[0]
        return known


def _source_address(remote_host: str) -> str | None:
    """Ask the routing table; nothing is sent."""
    family = socket.AF_INET6 if ":" in remote_host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((remote_host, 9))
        except OSError:
            return None
        return str(probe.getsockname()[0])
