"""All transports of one endpoint behind one face: what the user agent sends by."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from ipaddress import ip_address

from telephony.transport.flow import Address, Flow
from telephony.transport.tasks import TaskScope
from telephony.transport.tcp import Limits, Receive, TcpTransport
from telephony.transport.udp import UdpTransport

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
        traced: Callable[[str, Flow, bytes], None] | None = None,
    ) -> None:
        """`traced` is shown every message that leaves."""
        self.udp = UdpTransport(receive_datagram)
        self.tcp = TcpTransport(receive_item, lost, limits)
        self._traced = traced
        self._tasks = TaskScope()

    async def start(self, host: str, *, udp_port: int, tcp_port: int) -> None:
        """Raises AddressInUse."""
        await self.udp.start(host, udp_port)
        try:
            await self.tcp.start(host, tcp_port)
        except BaseException:
            self.udp.stop()
            raise

    async def stop(self) -> None:
        await self._tasks.close()
        await self.tcp.stop()
        self.udp.stop()

    @property
    def bound(self) -> dict[str, Address]:
        return {"udp": self.udp.bound, "tcp": self.tcp.bound}

    # the wire of the user agent

    def send(self, flow: Flow, data: bytes) -> bool:
        if self._traced is not None:
            self._traced("out", flow, data)
        if flow.transport == "udp":
            return self.udp.send(flow, data)
        return self.tcp.send(flow, data)

    def connect(self, transport: str, remote: Address) -> Flow | None:
        if transport == "udp":
            return self.udp.flow_to(remote)
        return self.tcp.connect(remote) if transport == "tcp" else None

    def is_open(self, flow: Flow) -> bool:
        return flow.transport == "udp" or self.tcp.is_open(flow)

    def contact_address(self, flow: Flow) -> Address:
        """A peer reaches us at the port we listen on, not at the one we connected from."""
        bound = self.udp.bound if flow.transport == "udp" else self.tcp.bound
        return flow.local[0], bound[1]

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
