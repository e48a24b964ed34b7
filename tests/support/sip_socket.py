"""A bare UDP socket that speaks SIP badly on purpose, and reads what comes back."""

import asyncio
from contextlib import suppress
from typing import cast


class SipSocket(asyncio.DatagramProtocol):
    """Sends raw datagrams to one server and keeps every answer."""

    def __init__(self) -> None:
        self.received: asyncio.Queue[bytes] = asyncio.Queue()
        self._transport: asyncio.DatagramTransport | None = None
        self.local: tuple[str, int] = ("", 0)

    @classmethod
    async def open(cls, server: tuple[str, int], *, source: str = "127.0.0.1") -> "SipSocket":
        _, protocol = await asyncio.get_running_loop().create_datagram_endpoint(
            cls, local_addr=(source, 0), remote_addr=server
        )
        return protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Python 3.11's own datagram transport is no subclass of the public one.
        self._transport = cast("asyncio.DatagramTransport", transport)
        host, port = transport.get_extra_info("sockname")
        self.local = (host, port)

    def datagram_received(self, data: bytes, addr: object) -> None:
        self.received.put_nowait(data)

    def send(self, data: bytes | str) -> None:
        assert self._transport is not None
        self._transport.sendto(data.encode() if isinstance(data, str) else data)

    async def answer(self, *, seconds: float = 1.0) -> bytes | None:
        """The next datagram, or None when all stays silent."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                return await self.received.get()
        return None

    async def final_status(self, *, seconds: float = 2.0) -> int | None:
        """The status of the next final response; provisional ones are passed over."""
        while (data := await self.answer(seconds=seconds)) is not None:
            status = int(data.split(b" ", 2)[1])
            if status >= 200:
                return status
        return None

    def request(
        self,
        method: str,
        target: str,
        *,
        user: str = "stranger",
        headers: str = "",
        body: str = "",
        tag: str = "t1",
        call_id: str = "c1",
    ) -> str:
        """A well-formed request from this socket; `headers` are whole lines with CRLF."""
        host, port = self.local
        contact = f"<sip:{user}@{host}:{port}>"
        kind = "Content-Type: application/sdp\r\n" if body else ""
        return (
            f"{method} {target} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {host}:{port};branch=z9hG4bK{call_id}{tag};rport\r\n"
            "Max-Forwards: 70\r\n"
            f"From: <sip:{user}@{host}>;tag={tag}\r\n"
            f"To: <{target}>\r\n"
            f"Call-ID: {call_id}\r\n"
            f"CSeq: 1 {method}\r\n"
            f"Contact: {contact}\r\n"
            f"{headers}{kind}"
            f"Content-Length: {len(body)}\r\n\r\n{body}"
        )

    def close(self) -> None:
        assert self._transport is not None
        self._transport.close()


def offer(host: str, port: int, *, formats: str = "0 101") -> str:
    """A session description that offers audio; `formats` are payload types."""
    return (
        f"v=0\r\no=- 1 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\n"
        f"m=audio {port} RTP/AVP {formats}\r\n"
        "a=rtpmap:101 telephone-event/8000\r\n"
    )
