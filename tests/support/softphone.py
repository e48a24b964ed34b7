"""A browser's softphone without the browser: SIP over WebSocket with a ticket, media by aiortc."""

import asyncio
import secrets
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from telephony.sip.message import Request, Response, make_response
from telephony.sip.parser import parse_message
from tests.support.browser import Browser
from tests.support.rtp_peer import Changing

ANSWER_SECONDS = 20.0


class Softphone(Changing):
    """Registers, and answers calls (unless told not to) saying `tone` in Hz."""

    def __init__(self, ticket: dict[str, Any], *, tone: float, answers: bool = True) -> None:
        super().__init__()
        self.user = str(ticket["user"])
        self.browser = Browser(tone)
        self.answers = answers
        self.requests: list[Request] = []
        """Every request that came, oldest first."""
        self._url = f"{ticket['ws_url']}?ticket={ticket['ticket']}"
        self._domain = str(ticket["domain"])
        self._contact = f"<sip:{self.user}@{secrets.token_hex(6)}.invalid;transport=ws>"
        self._call_id, self._cseq = secrets.token_hex(8), 0
        self._socket: ClientConnection | None = None
        self._reading: asyncio.Task[None] | None = None
        self._responses: asyncio.Queue[Response] = asyncio.Queue()
        self._invite: Request | None = None
        self._tag = secrets.token_hex(4)

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.disconnect()
        await self.browser.close()

    async def connect(self) -> None:
        """Open the connection, or open it anew, and register over it."""
        self._socket = await connect(self._url, subprotocols=[Subprotocol("sip")])
        self._reading = asyncio.get_running_loop().create_task(self._read(self._socket))
        self._cseq += 1
        await self._send(
            f"REGISTER sip:{self._domain} SIP/2.0\r\n"
            f"Via: SIP/2.0/WS x.invalid;branch=z9hG4bK{secrets.token_hex(6)}\r\n"
            "Max-Forwards: 70\r\n"
            f"From: <sip:{self.user}@{self._domain}>;tag={self._tag}\r\n"
            f"To: <sip:{self.user}@{self._domain}>\r\n"
            f"Call-ID: {self._call_id}\r\nCSeq: {self._cseq} REGISTER\r\n"
            f"Contact: {self._contact};expires=600\r\nContent-Length: 0\r\n\r\n"
        )
        async with asyncio.timeout(5):
            response = await self._responses.get()
        assert response.status == 200, response

    async def disconnect(self) -> None:
        """Lose the connection as a network does."""
        if self._socket is not None:
            self._socket.transport.abort()
        if self._reading is not None:
            await self._reading

    async def asked(self, method: str) -> Request:
        """The first request of that method, once it has come."""

        def came() -> bool:
            return any(request.method == method for request in self.requests)

        await self.until(came, seconds=ANSWER_SECONDS)
        return next(request for request in self.requests if request.method == method)

    async def hang_up(self) -> None:
        """BYE in the dialog that the last INVITE began."""
        invite = self._invite
        assert invite is not None
        contact = invite.contact
        assert contact is not None
        await self._send(
            f"BYE {contact.uri} SIP/2.0\r\n"
            f"Via: SIP/2.0/WS x.invalid;branch=z9hG4bK{secrets.token_hex(6)}\r\n"
            "Max-Forwards: 70\r\n"
            f"From: {invite.headers.get('to')};tag={self._tag}\r\n"
            f"To: {invite.headers.get('from')}\r\n"
            f"Call-ID: {invite.call_id}\r\nCSeq: 1 BYE\r\nContent-Length: 0\r\n\r\n"
        )

    # --- inside

    async def _send(self, data: str | bytes) -> None:
        assert self._socket is not None
        await self._socket.send(data if isinstance(data, str) else data.decode())

    async def _read(self, socket: ClientConnection) -> None:
        with suppress(ConnectionClosed):
            async for text in socket:
                data = text.encode() if isinstance(text, str) else text
                message = parse_message(data)
                if isinstance(message, Response):
                    self._responses.put_nowait(message)
                else:
                    await self._take(message)

    async def _take(self, request: Request) -> None:
        self.requests.append(request)
        self.changed()
        if request.method == "INVITE":
            self._invite = request
            await self._respond(request, 180)
            if self.answers:
                await self._respond(request, 200, await self.browser.answer(request.body))
        elif request.method != "ACK":
            await self._respond(request, 200)

    async def _respond(self, request: Request, status: int, body: bytes = b"") -> None:
        headers = (("Contact", self._contact),)
        response = make_response(request, status, to_tag=self._tag, headers=headers, body=body)
        await self._send(response.to_bytes())
