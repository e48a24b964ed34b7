"""What lies between a browser and the server: a network that a test can cut."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

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


class TcpDetour:
    """Passes connections on to a server. While it is cut, bytes go nowhere and nobody is told."""

    def __init__(self) -> None:
        self.is_cut = False
        self.port = 0
        self.server: Address = (LOCAL, 0)
        self._writers: set[asyncio.StreamWriter] = set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.is_cut:
            writer.transport.abort()
            return
        inner_reader, inner_writer = await asyncio.open_connection(*self.server)
        self._writers |= {writer, inner_writer}
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._pass_on(reader, inner_writer))
                tasks.create_task(self._pass_on(inner_reader, writer))
        finally:
            for each in (writer, inner_writer):
                self._writers.discard(each)
                each.transport.abort()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65_536):
                if not self.is_cut:
                    writer.write(data)
                    await writer.drain()
        writer.transport.abort()

    def break_all(self) -> None:
        for writer in list(self._writers):
            writer.transport.abort()


@asynccontextmanager
async def tcp_detour() -> AsyncIterator[TcpDetour]:
    detour = TcpDetour()
    listener = await asyncio.start_server(detour._serve, LOCAL, 0)
    detour.port = listener.sockets[0].getsockname()[1]
    try:
        yield detour
    finally:
        listener.close()
        detour.break_all()
