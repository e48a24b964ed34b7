"""SIP over WebSocket, as browsers speak it (RFC 7118): one message is one SIP message."""

import asyncio
import logging
import ssl
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from itertools import count
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from telephony.sip.parser import MAX_BODY, MAX_HEAD, BadMessage, parse_message
from telephony.transport.bind import bind
from telephony.transport.flow import Address, Flow
from telephony.transport.tcp import Limits, Receive

log = logging.getLogger(__name__)

_SIP = Subprotocol("sip")
_MAX_UNSENT = 500
"""Messages a peer may leave unread before it is given up."""
_PING_SECONDS = 20.0
_OPEN_SECONDS = 10.0
_KEEPALIVE = {b"\r\n\r\n": b"\r\n", b"\r\n": None}

Admit = Callable[[Flow, str | None], bool]
"""Asked about each new connection with the ticket it brought, if any; False refuses it."""


@dataclass(frozen=True, slots=True)
class BrowserDoor:
    """Who may connect, and how. A client that is no browser names no page."""

    admit: Admit = lambda _flow, ticket: ticket is None
    origins: frozenset[str] = frozenset()
    """Pages of other web servers that may connect."""
    own_page: Callable[[str, str], bool] = lambda _origin, _host: False
    """Whether an Origin is that of a page of ours, given the Host that was asked for."""
    tls: ssl.SSLContext | None = None
    """With it every connection is encrypted."""


class WsTransport:
    def __init__(
        self,
        receive: Receive,
        lost: Callable[[Flow], None],
        limits: Limits,
        door: BrowserDoor,
    ) -> None:
        """`lost` is told of every flow whose connection is gone, unless we are stopping."""
        self.bound: Address = ("", 0)
        self.refused = 0
        self._receive = receive
        self._lost = lost
        self._limits = limits
        self._door = door
        self._server: Server | None = None
        self._connections: dict[int, _Connection] = {}
        self._sources: Counter[str] = Counter()
        self._numbers = count(1)
        self._stopping = False

    def __len__(self) -> int:
        return len(self._connections)

    async def start(self, host: str, port: int) -> None:
        """Raises AddressInUse."""
        socket = bind("tcp", host, port)
        self.bound = socket.getsockname()[:2]
        self._server = await serve(
            self._serve,
            sock=socket,
            subprotocols=[_SIP],
            process_request=self._judge,
            compression=None,
            max_size=MAX_HEAD + MAX_BODY,
            max_queue=64,
            open_timeout=_OPEN_SECONDS,
            ping_interval=_PING_SECONDS,
            ping_timeout=_PING_SECONDS,
            server_header=None,
            ssl=self._door.tls,
            ssl_handshake_timeout=_OPEN_SECONDS if self._door.tls else None,
            logger=logging.getLogger("websockets.quiet"),
        )

    async def stop(self) -> None:
        self._stopping = True
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    def is_open(self, flow: Flow) -> bool:
        return flow.connection in self._connections

    def send(self, flow: Flow, data: bytes) -> bool:
        connection = self._connections.get(flow.connection)
        return connection is not None and connection.send(data)

    # inside

    def _judge(self, connection: ServerConnection, request: Request) -> Response | None:
        """Who may open a connection at all; None lets the handshake go on."""
        source = str(connection.remote_address[0])
        origin = request.headers.get("Origin")
        if origin is not None and not self._is_known(origin, request):
            return self._turn_away(
                connection, source, HTTPStatus.FORBIDDEN, "This origin may not connect."
            )
        offered = request.headers.get("Sec-WebSocket-Protocol", "")
        if _SIP not in [name.strip() for name in offered.split(",")]:
            text = "Offer the WebSocket subprotocol 'sip'."
            return self._turn_away(connection, source, HTTPStatus.BAD_REQUEST, text)
        full = len(self._connections) >= self._limits.connections
        if full or self._sources[source] >= self._limits.connections_per_source:
            text = "Too many connections."
            return self._turn_away(connection, source, HTTPStatus.SERVICE_UNAVAILABLE, text)
        return None

    def _is_known(self, origin: str, request: Request) -> bool:
        hosts = request.headers.get_all("Host")
        return origin in self._door.origins or (
            len(hosts) == 1 and self._door.own_page(origin, hosts[0])
        )

    def _turn_away(
        self, connection: ServerConnection, source: str, status: HTTPStatus, text: str
    ) -> Response:
        self.refused += 1
        log.info("connection refused", extra={"source": source, "reason": text})
        return connection.respond(status, text + "\n")

    async def _serve(self, socket: ServerConnection) -> None:
        remote, local = socket.remote_address[:2], socket.local_address[:2]
        secure = self._door.tls is not None
        flow = Flow("ws", remote, local, next(self._numbers), secure=secure)
        if not self._door.admit(flow, _ticket_of(socket)):
            self.refused += 1
            await socket.close(4401, "the ticket has expired")
            return
        connection = self._connections[flow.connection] = _Connection(socket)
        self._sources[remote[0]] += 1
        try:
            async with asyncio.TaskGroup() as tasks:
                writing = tasks.create_task(connection.write(), name=f"ws {flow.connection}")
                await self._read(socket, connection, flow)
                writing.cancel()
        finally:
            del self._connections[flow.connection]
            self._sources[remote[0]] -= 1
            if not self._sources[remote[0]]:
                del self._sources[remote[0]]
            if not self._stopping:
                self._lost(flow)

    async def _read(self, socket: ServerConnection, connection: "_Connection", flow: Flow) -> None:
        """Hand on message after message; nothing may wait in between, or a CANCEL comes late."""
        with suppress(ConnectionClosed):
            async for message in socket:
                data = message.encode() if isinstance(message, str) else message
                if data in _KEEPALIVE:
                    if (pong := _KEEPALIVE[data]) is not None:
                        connection.send(pong)
                    continue
                try:
                    self._receive(parse_message(data), flow)
                except BadMessage as error:
                    self._receive(error, flow)


class _Connection:
    """Messages leave in order, by a task that may wait where a protocol may not."""

    def __init__(self, socket: ServerConnection) -> None:
        self._socket = socket
        self._unsent: asyncio.Queue[bytes] = asyncio.Queue(_MAX_UNSENT)
        self._given_up = False

    def send(self, data: bytes) -> bool:
        if self._given_up:
            return False
        try:
            self._unsent.put_nowait(data)
        except asyncio.QueueFull:
            log.info("peer does not read", extra={"source": self._socket.remote_address[0]})
            self._given_up = True
            self._socket.transport.abort()
            return False
        return True

    async def write(self) -> None:
        with suppress(ConnectionClosed):
            while True:
                data = await self._unsent.get()
                # Browsers take SIP as text; what is not UTF-8 can only go as bytes.
                try:
                    await self._socket.send(data.decode())
                except UnicodeDecodeError:
                    await self._socket.send(data)


def _ticket_of(socket: ServerConnection) -> str | None:
    """The ticket in the URL: a browser cannot send header fields with a WebSocket."""
    if socket.request is None:
        return None
    values = parse_qs(urlsplit(socket.request.path).query, max_num_fields=10).get("ticket")
    return values[0] if values else None
