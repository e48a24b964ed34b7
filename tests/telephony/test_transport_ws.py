"""SIP over WebSocket (RFC 7118), on real sockets of 127.0.0.1."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Origin, Subprotocol

from telephony.sip.message import Request
from telephony.sip.parser import BadMessage
from telephony.transport.flow import Flow
from telephony.transport.tcp import Item, Limits
from telephony.transport.ws import BrowserDoor, WsTransport
from tests.support.sip_wire import request

SIP = Subprotocol("sip")
MESSAGE = request("OPTIONS", via="SIP/2.0/WS df7jal23ls0d.invalid")
PAGE = "https://desk.example"
SOON = 5.0


class Gate:
    """A transport, what came over it, and those that connect."""

    def __init__(self, *, connections: int = 10, per_source: int = 10) -> None:
        self.items: asyncio.Queue[tuple[Item, Flow]] = asyncio.Queue()
        self.lost: asyncio.Queue[Flow] = asyncio.Queue()
        self.tickets: list[str | None] = []
        self.ws = WsTransport(
            lambda item, flow: self.items.put_nowait((item, flow)),
            self.lost.put_nowait,
            Limits(connections, per_source),
            BrowserDoor(admit=self._admit, origins=frozenset({PAGE})),
        )

    def _admit(self, flow: Flow, ticket: str | None) -> bool:
        self.tickets.append(ticket)
        return ticket != "old"

    def connect(self, path: str = "", *, origin: str | None = PAGE, sip: bool = True) -> connect:
        host, port = self.ws.bound
        return connect(
            f"ws://{host}:{port}/{path}",
            subprotocols=[SIP] if sip else None,
            origin=None if origin is None else Origin(origin),
        )

    async def came(self) -> tuple[Item, Flow]:
        async with asyncio.timeout(SOON):
            return await self.items.get()


@asynccontextmanager
async def gate(**limits: int) -> AsyncIterator[Gate]:
    made = Gate(**limits)
    await made.ws.start("127.0.0.1", 0)
    try:
        yield made
    finally:
        async with asyncio.timeout(SOON):
            await made.ws.stop()


async def heard(browser: ClientConnection) -> str | bytes:
    async with asyncio.timeout(SOON):
        return await browser.recv()


async def test_messages_go_both_ways_as_text() -> None:
    async with gate() as door, door.connect() as browser:
        assert browser.subprotocol == "sip"
        await browser.send(MESSAGE)
        item, flow = await door.came()
        assert isinstance(item, Request)
        assert (flow.transport, flow.reliable, flow.is_browser) == ("ws", True, True)
        assert door.ws.is_open(flow)
        assert door.ws.send(flow, b"one")
        assert door.ws.send(flow, b"two")
        assert [await heard(browser), await heard(browser)] == ["one", "two"]


async def test_bytes_are_taken_and_what_is_no_text_goes_as_bytes() -> None:
    async with gate() as door, door.connect() as browser:
        await browser.send(MESSAGE.encode())
        item, flow = await door.came()
        assert isinstance(item, Request)
        door.ws.send(flow, b"\xff\xfe")
        assert await heard(browser) == b"\xff\xfe"


async def test_a_double_line_end_is_answered_by_one() -> None:
    async with gate() as door, door.connect() as browser:
        await browser.send("\r\n\r\n")
        assert await heard(browser) == "\r\n"
        await browser.send("\r\n")
        await browser.send(MESSAGE)
        item, _ = await door.came()
        assert isinstance(item, Request), "a pong asks for nothing"


async def test_what_is_no_sip_is_reported_and_the_connection_stays() -> None:
    async with gate() as door, door.connect() as browser:
        await browser.send("nonsense")
        item, _ = await door.came()
        assert isinstance(item, BadMessage)
        await browser.send(MESSAGE)
        item, _ = await door.came()
        assert isinstance(item, Request)


async def test_a_closed_connection_is_told_once() -> None:
    async with gate() as door:
        async with door.connect() as browser:
            await browser.send(MESSAGE)
            _, flow = await door.came()
        async with asyncio.timeout(SOON):
            assert await door.lost.get() == flow
        assert not door.ws.is_open(flow)
        assert not door.ws.send(flow, b"too late")
        assert len(door.ws) == 0
        assert door.lost.empty()


async def test_a_browser_that_dies_is_noticed_at_once() -> None:
    async with gate() as door:
        browser = await door.connect()
        await browser.send(MESSAGE)
        _, flow = await door.came()
        browser.transport.abort()
        async with asyncio.timeout(SOON):
            assert await door.lost.get() == flow


@pytest.mark.parametrize(
    ("origin", "sip", "status", "words"),
    [
        ("https://evil.example", True, 403, "origin"),
        ("http://desk.example", True, 403, "origin"),
        (PAGE, False, 400, "subprotocol 'sip'"),
    ],
)
async def test_who_may_not_connect_is_told_why(
    origin: str, sip: bool, status: int, words: str
) -> None:
    async with gate() as door:
        with pytest.raises(InvalidStatus) as refusal:
            await door.connect(origin=origin, sip=sip)
        assert refusal.value.response.status_code == status
        assert words in refusal.value.response.body.decode()
        assert door.ws.refused == 1
        assert door.tickets == []


async def test_a_phone_that_is_no_browser_names_no_origin() -> None:
    async with gate() as door, door.connect(origin=None) as phone:
        await phone.send(MESSAGE)
        await door.came()


async def test_tickets() -> None:
    async with gate() as door:
        async with door.connect("?ticket=fresh"):
            pass
        async with door.connect("?other=1"):
            pass
        async with door.connect("?ticket=old") as late:
            with pytest.raises(ConnectionClosed) as closed:
                await heard(late)
        assert door.tickets == ["fresh", None, "old"]
        end = closed.value.rcvd
        assert end is not None
        assert (end.code, end.reason) == (4401, "the ticket has expired")


async def test_limits() -> None:
    async with gate(connections=3, per_source=2) as door:
        one, two = await door.connect(), await door.connect()
        with pytest.raises(InvalidStatus) as refusal:
            await door.connect()
        assert refusal.value.response.status_code == 503
        await one.close()
        async with asyncio.timeout(SOON):
            await door.lost.get()
        async with door.connect():
            pass
        await two.close()


async def test_too_long_a_message_ends_the_connection() -> None:
    async with gate() as door, door.connect() as browser:
        await browser.send("x" * 100_000)
        with pytest.raises(ConnectionClosed):
            await heard(browser)
        assert door.items.empty()


async def test_a_browser_that_reads_nothing_is_given_up() -> None:
    async with gate() as door:
        browser = await door.connect()
        await browser.send(MESSAGE)
        _, flow = await door.came()
        browser.transport.pause_reading()
        sent = 0
        while door.ws.send(flow, b"x" * 60_000) and sent < 10_000:
            sent += 1
            await asyncio.sleep(0)
        assert sent < 10_000
        async with asyncio.timeout(SOON):
            assert await door.lost.get() == flow
        browser.transport.abort()
