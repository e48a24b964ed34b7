"""All transports of one endpoint behind one face: what the user agent sends by."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from ipaddress import ip_address

from telephony.tasks import TaskScope
from telephony.transport.flow import Address, Flow
from telephony.transport.tcp import Limits, Receive, TcpTransport
from telephony.transport.udp import UdpTransport
from telephony.transport.ws import BrowserDoor, WsTransport

log = logging.getLogger(__name__)

RESOLVE_SECONDS = 5.0


class Transports:
    def __init__(
        self,
        *,
        receive_datagram: Callable[[bytes, Flow], None],
        receive_item: Receive,
        lost: Callable[[Flow], None],
        limits: Limits,
        door: BrowserDoor,
        traced: Callable[[str, Flow, bytes], None] | None = None,
    ) -> None:
        """`traced` is shown every message that leaves."""
        self.udp = UdpTransport(receive_datagram)
        self.tcp = TcpTransport(receive_item, lost, limits)
        self.ws = WsTransport(receive_item, lost, limits, door)
        self._traced = traced
        self._tasks = TaskScope()

    async def start(self, host: str, *, udp_port: int, tcp_port: int, ws_port: int) -> None:
        """Raises AddressInUse."""
        try:
            await self.udp.start(host, udp_port)
            await self.tcp.start(host, tcp_port)
            await self.ws.start(host, ws_port)
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        await self._tasks.close()
        await self.ws.stop()
        await self.tcp.stop()
        self.udp.stop()

    @property
    def bound(self) -> dict[str, Address]:
        return {"udp": self.udp.bound, "tcp": self.tcp.bound, "ws": self.ws.bound}

    # the wire of the user agent

    def send(self, flow: Flow, data: bytes) -> bool:
        if self._traced is not None:
            self._traced("out", flow, data)
        if flow.transport == "udp":
            return self.udp.send(flow, data)
        return self._streams(flow).send(flow, data)

    def connect(self, transport: str, remote: Address) -> Flow | None:
        if transport == "udp":
            return self.udp.flow_to(remote)
        return self.tcp.connect(remote) if transport == "tcp" else None

    def is_open(self, flow: Flow) -> bool:
        return flow.transport == "udp" or self._streams(flow).is_open(flow)

    def contact_address(self, flow: Flow) -> Address:
        """A peer reaches us at the port we listen on, not at the one we connected from."""
        bound = self.udp.bound if flow.transport == "udp" else self._streams(flow).bound
        return flow.local[0], bound[1]

    def _streams(self, flow: Flow) -> TcpTransport | WsTransport:
        return self.tcp if flow.transport == "tcp" else self.ws

    # names

    def resolve(self, host: str, port: int, found: Callable[[Address | None], None]) -> None:
        """Calls back at once for an address; for a name later, None when it has none."""
        try:
            address = str(ip_address(host.strip("[]")))
        except ValueError:
            self._tasks.start(self._look_up(host, port, found), name=f"resolve {host}")
        else:
            found((address, port))

    async def _look_up(self, host: str, port: int, found: Callable[[Address | None], None]) -> None:
        loop = asyncio.get_running_loop()
        wants_v6 = ":" in self.udp.bound[0]
        answers: list[Address] = []
        with suppress(OSError, UnicodeError):  # no such name; TimeoutError is an OSError
            async with asyncio.timeout(RESOLVE_SECONDS):
                rows = await loop.getaddrinfo(host, port)
                answers = [
                    (name, port) for row in rows if (":" in (name := str(row[4][0]))) is wants_v6
                ]
        if not answers:
            log.info("name has no address", extra={"host": host})
        found(answers[0] if answers else None)
