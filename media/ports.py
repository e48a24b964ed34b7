"""RTP port pairs: an even port for RTP, the next for RTCP; chosen at random, rested after use."""

import socket
from collections import deque
from collections.abc import Callable
from random import Random

from media.errors import NoPortLeft

_TRIES = 64
_BUFFER_BYTES = 256 * 1024


class PortPair:
    """Two bound sockets; `close` gives the ports back."""

    def __init__(self, rtp: socket.socket, rtcp: socket.socket) -> None:
        self.rtp = rtp
        self.rtcp = rtcp
        host, port = rtp.getsockname()[:2]
        self.address: tuple[str, int] = (host, port)

    def close(self) -> None:
        self.rtp.close()
        self.rtcp.close()


class PortPool:
    """Random ports make a stream hard to guess; a rest after use keeps late packets of one call
    out of the next."""

    def __init__(
        self,
        host: str,
        first: int,
        last: int,
        *,
        rest_seconds: float,
        clock: Callable[[], float],
        random: Random,
    ) -> None:
        self._host = host
        self._family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._pairs = range(first + first % 2, last, 2)
        self._rest_seconds = rest_seconds
        self._clock = clock
        self._random = random
        self._used: set[int] = set()
        self._resting: deque[tuple[float, int]] = deque()

    def take(self) -> PortPair:
        """Raises NoPortLeft."""
        self._end_rests()
        for _ in range(_TRIES):
            port = self._random.choice(self._pairs)
            if port not in self._used and (pair := self._bind(port)) is not None:
                self._used.add(port)
                return pair
        # Nearly all are taken: look at every one before giving up.
        for port in self._pairs:
            if port not in self._used and (pair := self._bind(port)) is not None:
                self._used.add(port)
                return pair
        raise NoPortLeft(f"no RTP port is free in {self._pairs.start}-{self._pairs.stop}")

    def give_back(self, pair: PortPair) -> None:
        pair.close()
        self._resting.append((self._clock() + self._rest_seconds, pair.address[1]))

    def _end_rests(self) -> None:
        now = self._clock()
        while self._resting and self._resting[0][0] <= now:
            self._used.discard(self._resting.popleft()[1])

    def _bind(self, port: int) -> PortPair | None:
        """None when another program has one of the two."""
        rtp = socket.socket(self._family, socket.SOCK_DGRAM)
        rtcp = socket.socket(self._family, socket.SOCK_DGRAM)
        try:
            rtp.bind((self._host, port))
            rtcp.bind((self._host, port + 1))
        except OSError:
            rtp.close()
            rtcp.close()
            return None
        rtp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
        # Arrival times come from the kernel: the engine looks for sound only every 20 ms, for
        # reports only twice a second.
        rtp.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        rtcp.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        rtp.setblocking(False)
        rtcp.setblocking(False)
        return PortPair(rtp, rtcp)


_SO_TIMESTAMPNS = 35
"""Linux's number; Python does not name it."""
