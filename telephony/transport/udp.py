"""SIP over UDP: one socket for everybody."""

import asyncio
from collections.abc import Callable

from telephony.transport.bind import LocalAddresses, bind
from telephony.transport.flow import Address, Flow

_MAX_FLOWS = 10_000


class UdpTransport(asyncio.DatagramProtocol):
    """`receive` gets every datagram that may hold a message."""

    def __init__(self, receive: Callable[[bytes, Flow], None]) -> None:
        self.bound: Address = ("", 0)
        self._receive = receive
        self._transport: asyncio.DatagramTransport | None = None
        self._local = LocalAddresses()
        self._flows: dict[Address, Flow] = {}

    async def start(self, host: str, port: int) -> None:
        """Raises AddressInUse."""
        socket = bind("udp", host, port)
        self.bound = socket.getsockname()[:2]
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, sock=socket)

    def stop(self) -> None:
        if self._transport is not None:
            self._transport.close()
            self._transport = None

    def flow_to(self, remote: Address) -> Flow:
        flow = self._flows.get(remote)
        if flow is None:
            if len(self._flows) >= _MAX_FLOWS:
                self._flows.clear()
            local = (self._local.towards(self.bound, remote[0]), self.bound[1])
            flow = self._flows[remote] = Flow("udp", remote, local)
        return flow

    def send(self, flow: Flow, data: bytes) -> bool:
        if self._transport is None:
            return False
        self._transport.sendto(data, flow.remote)
        return True

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        # Keep-alives of phones: bare line ends, and the four zero bytes some of them send.
        if data.strip(b"\r\n\0 "):
            self._receive(data, self.flow_to(addr[:2]))
