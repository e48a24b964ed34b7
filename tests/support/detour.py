"""What lies between a browser and the server: a network that a test can cut."""

import asyncio

Address = tuple[str, int]
LOCAL = "127.0.0.1"


class UdpDetour(asyncio.DatagramProtocol):
    """Passes datagrams on to a server, from an address of its own, and its answers back."""

    def __init__(self) -> None:
        self.is_cut = False
        self.port = 0
        self.passed = 0
        self._front: asyncio.DatagramTransport | None = None
        self._back: asyncio.DatagramTransport | None = None
        self._browser: Address | None = None

    @classmethod
    async def to(cls, server: Address) -> "UdpDetour":
        loop, made = asyncio.get_running_loop(), cls()
        made._front, _ = await loop.create_datagram_endpoint(lambda: made, (LOCAL, 0))
        made.port = made._front.get_extra_info("sockname")[1]
        made._back, _ = await loop.create_datagram_endpoint(
            lambda: _Answers(made), (LOCAL, 0), remote_addr=server
        )
        return made

    def datagram_received(self, data: bytes, addr: Address) -> None:
        self._browser = addr
        if not self.is_cut and self._back is not None:
            self.passed += 1
            self._back.sendto(data)

    def answered(self, data: bytes) -> None:
        if not self.is_cut and self._front is not None and self._browser is not None:
            self._front.sendto(data, self._browser)

    def close(self) -> None:
        for transport in (self._front, self._back):
            if transport is not None:
                transport.close()


class _Answers(asyncio.DatagramProtocol):
    def __init__(self, detour: UdpDetour) -> None:
        self._detour = detour

    def datagram_received(self, data: bytes, addr: Address) -> None:
        self._detour.answered(data)
