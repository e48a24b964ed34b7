"""SIP over TCP: connections that peers opened to us, and those that we opened."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import cast

from telephony.sip.message import Message
from telephony.sip.parser import BadMessage, Keepalive, StreamBroken, StreamParser
from telephony.tasks import TaskScope
from telephony.transport.bind import LocalAddresses, bind
from telephony.transport.flow import Address, Flow

log = logging.getLogger(__name__)

MESSAGE_SECONDS = 30.0
"""For a message that began to become whole, and for a connection to bring its first."""
IDLE_SECONDS = 3_900.0
"""Longer than any registration may last without being refreshed."""
CONNECT_SECONDS = 10.0
MAX_UNSENT = 256 * 1024
"""Bytes a peer may leave unread before it is given up."""

Item = Message | BadMessage
Receive = Callable[[Item, Flow], None]


@dataclass(frozen=True, slots=True)
class Limits:
    connections: int
    connections_per_source: int


class TcpTransport:
    def __init__(self, receive: Receive, lost: Callable[[Flow], None], limits: Limits) -> None:
        """`lost` is told of every flow whose connection is gone, unless we are stopping."""
        self.bound: Address = ("", 0)
        self.refused = 0
        self.receive = receive
        self.clock: Callable[[], float] = lambda: 0.0
        self._lost = lost
        self._limits = limits
        self._server: asyncio.Server | None = None
        self._connections: dict[int, _Connection] = {}
        self._outgoing: dict[Address, _Connection] = {}
        self._sources: Counter[str] = Counter()
        self._numbers = count(1)
        self._local = LocalAddresses()
        self._tasks = TaskScope()
        self._stopping = False

    def __len__(self) -> int:
        return len(self._connections)

    async def start(self, host: str, port: int) -> None:
        """Raises AddressInUse."""
        socket = bind("tcp", host, port)
        self.bound = socket.getsockname()[:2]
        loop = asyncio.get_running_loop()
        self.clock = loop.time
        self._server = await loop.create_server(lambda: _Connection(self), sock=socket)

    async def stop(self) -> None:
        self._stopping = True
        if self._server is not None:
            self._server.close()
        await self._tasks.close()
        for connection in list(self._connections.values()):
            connection.close()

    def connect(self, remote: Address) -> Flow | None:
        """The connection we have to that address, else a new one; None when there are too many."""
        known = self._outgoing.get(remote)
        if known is not None and known.flow is not None:
            return known.flow
        if len(self._connections) >= self._limits.connections:
            return None
        connection = _Connection(self, remote)
        local = (self._local.towards(self.bound, remote[0]), self.bound[1])
        flow = self._admit(connection, remote, local)
        self._outgoing[remote] = connection
        self._tasks.start(self._open(connection, flow), name=f"connect {remote[0]}:{remote[1]}")
        return flow

    def is_open(self, flow: Flow) -> bool:
        return flow.connection in self._connections

    def send(self, flow: Flow, data: bytes) -> bool:
        connection = self._connections.get(flow.connection)
        return connection is not None and connection.send(data)

    # for its connections

    def accept(self, connection: "_Connection", remote: Address, local: Address) -> bool:
        """False: too many, of all or of that source."""
        full = len(self._connections) >= self._limits.connections
        if full or self._sources[remote[0]] >= self._limits.connections_per_source:
            self.refused += 1
            return False
        self._admit(connection, remote, local)
        return True

    def forget(self, connection: "_Connection") -> None:
        flow = connection.flow
        if flow is None or self._connections.pop(flow.connection, None) is None:
            return
        host = flow.remote[0]
        self._sources[host] -= 1
        if not self._sources[host]:
            del self._sources[host]
        if self._outgoing.get(flow.remote) is connection:
            del self._outgoing[flow.remote]
        if not self._stopping:
            self._lost(flow)

    # inside

    def _admit(self, connection: "_Connection", remote: Address, local: Address) -> Flow:
        flow = connection.flow = Flow("tcp", remote, local, next(self._numbers))
        self._connections[flow.connection] = connection
        self._sources[remote[0]] += 1
        return flow

    async def _open(self, connection: "_Connection", flow: Flow) -> None:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await loop.create_connection(lambda: connection, *flow.remote)
        except OSError:  # TimeoutError is one
            log.info("cannot connect", extra={"peer": f"{flow.remote[0]}:{flow.remote[1]}"})
            self.forget(connection)


class _Connection(asyncio.Protocol):
    """`remote` is given where we open the connection; messages wait until it stands."""

    def __init__(self, owner: TcpTransport, remote: Address | None = None) -> None:
        self.flow: Flow | None = None
        self._owner = owner
        self._is_ours = remote is not None
        self._unsent: list[bytes] = []
        self._transport: asyncio.Transport | None = None
        self._parser = StreamParser()
        self._heard_at = 0.0
        self._partial_since: float | None = None
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport = cast("asyncio.Transport", transport)
        if not self._is_ours:
            remote = transport.get_extra_info("peername")[:2]
            local = transport.get_extra_info("sockname")[:2]
            if not self._owner.accept(self, remote, local):
                transport.abort()
                return
        self._heard_at = self._owner.clock()
        # A peer that connects owes us a message; where we connect we shall have sent one.
        self._partial_since = None if self._is_ours else self._heard_at
        self._watch()
        waiting, self._unsent = self._unsent, []
        for data in waiting:
            self.send(data)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        if self._timer is not None:
            self._timer.cancel()
        self._transport = None
        self._owner.forget(self)

    def data_received(self, data: bytes) -> None:
        flow, now = self.flow, self._owner.clock()
        if flow is None or self._transport is None:
            return
        self._heard_at = now
        try:
            items = self._parser.receive_data(data)
        except StreamBroken as error:
            log.info("stream broken", extra={"source": flow.remote[0], "reason": str(error)})
            self.close()
            return
        if not self._parser.is_partial:
            self._partial_since = None if items else self._partial_since
        elif self._partial_since is None or items:
            self._partial_since = now
            self._watch()
        for item in items:
            if not isinstance(item, Keepalive):
                self._owner.receive(item, flow)
            elif item.is_ping:
                self.send(b"\r\n")

    def send(self, data: bytes) -> bool:
        transport = self._transport
        if transport is None:
            if self._is_ours and sum(map(len, self._unsent)) < MAX_UNSENT:
                self._unsent.append(data)
                return True
            return False
        if transport.is_closing():
            return False
        transport.write(data)
        if transport.get_write_buffer_size() > MAX_UNSENT:
            log.info("peer does not read", extra={"flow": self.flow})
            transport.abort()
        return True

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def _watch(self) -> None:
        """Look again when the first of the two limits could be reached."""
        if self._timer is not None:
            self._timer.cancel()
        due = self._heard_at + IDLE_SECONDS
        if self._partial_since is not None:
            due = min(due, self._partial_since + MESSAGE_SECONDS)
        self._timer = asyncio.get_running_loop().call_at(due, self._check)

    def _check(self) -> None:
        now = self._owner.clock()
        late = self._partial_since is not None and now >= self._partial_since + MESSAGE_SECONDS
        if late or now >= self._heard_at + IDLE_SECONDS:
            self.close()
        else:
            self._watch()
