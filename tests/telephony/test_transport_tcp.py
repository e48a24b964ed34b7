"""SIP over TCP: framing, limits and what happens to those who break them."""

import asyncio
from typing import cast

import pytest

from telephony.sip.message import Request
from telephony.sip.parser import BadMessage
from telephony.transport.flow import Address, Flow
from telephony.transport.tcp import (
    IDLE_SECONDS,
    MAX_UNSENT,
    MESSAGE_SECONDS,
    Item,
    Limits,
    TcpTransport,
    _Connection,
)
from tests.support.sip_wire import request
from tests.support.virtual_time import run_virtual

MESSAGE = request("OPTIONS", via="SIP/2.0/TCP 192.0.2.7:5070").encode()


class FakeSocket:
    """The asyncio transport of one connection, as far as ours looks."""

    def __init__(self, peer: Address) -> None:
        self.peer = peer
        self.written: list[bytes] = []
        self.closed = False
        self.unread = 0

    def get_extra_info(self, name: str) -> Address:
        return self.peer if name == "peername" else ("192.0.2.1", 5060)

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def get_write_buffer_size(self) -> int:
        return self.unread

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    abort = close


class Office:
    """A TCP transport and those that connect to it."""

    def __init__(self, *, connections: int = 10, per_source: int = 10) -> None:
        self.items: list[tuple[Item, Flow]] = []
        self.lost: list[Flow] = []
        self.tcp = TcpTransport(
            lambda item, flow: self.items.append((item, flow)),
            self.lost.append,
            Limits(connections, per_source),
        )
        self.tcp.clock = asyncio.get_running_loop().time

    def connect(self, peer: Address = ("192.0.2.7", 40000)) -> tuple[_Connection, FakeSocket]:
        connection, socket = _Connection(self.tcp), FakeSocket(peer)
        connection.connection_made(cast("asyncio.Transport", socket))
        return connection, socket


def test_messages_come_whole_however_they_were_cut() -> None:
    async def main() -> None:
        office = Office()
        connection, _ = office.connect()
        stream = MESSAGE * 3
        for at in range(0, len(stream), 7):
            connection.data_received(stream[at : at + 7])
        connection.data_received(MESSAGE * 2)
        assert len(office.items) == 5
        assert all(isinstance(item, Request) for item, _ in office.items)
        assert {flow for _, flow in office.items} == {connection.flow}
        connection.connection_lost(None)

    run_virtual(main())


def test_a_ping_gets_its_pong() -> None:
    async def main() -> None:
        office = Office()
        connection, socket = office.connect()
        connection.data_received(MESSAGE)
        connection.data_received(b"\r\n\r\n")
        assert socket.written == [b"\r\n"]
        connection.connection_lost(None)

    run_virtual(main())


def test_a_single_line_end_is_no_message_that_began() -> None:
    async def main() -> None:
        office = Office()
        connection, socket = office.connect()
        connection.data_received(MESSAGE + b"\r\n")
        await asyncio.sleep(2 * MESSAGE_SECONDS)
        assert not socket.is_closing()
        connection.connection_lost(None)

    run_virtual(main())


def test_a_malformed_message_is_passed_on_and_garbage_closes() -> None:
    async def main() -> None:
        office = Office()
        connection, socket = office.connect()
        connection.data_received(MESSAGE.replace(b"CSeq: 1 OPTIONS", b"CSeq: 1 BYE"))
        assert isinstance(office.items[0][0], BadMessage)
        assert not socket.is_closing()
        connection.data_received(b"GET / HTTP/1.1\r\n\r\n")
        assert socket.is_closing()
        connection.connection_lost(None)
        connection.data_received(MESSAGE)
        assert len(office.items) == 1

    run_virtual(main())


@pytest.mark.parametrize("begun", [b"", b"OPTIONS sip:x SIP/2.0\r\nVia: "])
def test_a_message_that_never_ends_or_never_begins_closes_the_connection(begun: bytes) -> None:
    async def main() -> None:
        office = Office()
        connection, socket = office.connect()
        if begun:
            connection.data_received(begun)
        await asyncio.sleep(MESSAGE_SECONDS - 0.1)
        if begun:
            connection.data_received(b"x")
        assert not socket.is_closing()
        await asyncio.sleep(0.2)
        assert socket.is_closing()
        connection.connection_lost(None)

    run_virtual(main())


def test_after_a_whole_message_only_idleness_closes() -> None:
    async def main() -> None:
        office = Office()
        connection, socket = office.connect()
        connection.data_received(MESSAGE)
        await asyncio.sleep(100)
        connection.data_received(MESSAGE)
        await asyncio.sleep(IDLE_SECONDS - 1)
        assert not socket.is_closing()
        await asyncio.sleep(2)
        assert socket.is_closing()
        connection.connection_lost(None)

    run_virtual(main())


def test_a_message_begun_behind_a_whole_one_has_its_own_time() -> None:
    async def main() -> None:
        office = Office()
        connection, socket = office.connect()
        await asyncio.sleep(20)
        connection.data_received(MESSAGE + MESSAGE[:50])
        await asyncio.sleep(20)
        assert not socket.is_closing()
        await asyncio.sleep(11)
        assert socket.is_closing()
        connection.connection_lost(None)

    run_virtual(main())


def test_too_many_connections_are_turned_away_by_source_and_in_all() -> None:
    async def main() -> None:
        office = Office(connections=3, per_source=2)
        first = [office.connect()[1] for _ in range(3)]
        assert [socket.closed for socket in first] == [False, False, True]
        others = [office.connect((f"192.0.2.{n}", 1)) for n in (20, 21)]
        assert [socket.closed for _, socket in others] == [False, True]
        assert (office.tcp.refused, len(office.tcp)) == (2, 3)
        others[1][0].connection_lost(None)
        assert office.lost == []
        others[0][0].connection_lost(None)
        assert office.lost == [others[0][0].flow]
        assert office.connect(("192.0.2.22", 1))[1].closed is False
        for connection in list(office.tcp._connections.values()):
            connection.connection_lost(None)
        assert len(office.tcp) == 0
        assert not office.tcp._sources
        await office.tcp.stop()

    run_virtual(main())


def test_a_peer_that_does_not_read_is_cut_off() -> None:
    async def main() -> None:
        office = Office()
        connection, socket = office.connect()
        assert connection.flow is not None
        assert office.tcp.send(connection.flow, b"one")
        assert office.tcp.is_open(connection.flow)
        socket.unread = MAX_UNSENT + 1
        office.tcp.send(connection.flow, b"two")
        assert socket.is_closing()
        assert not office.tcp.send(connection.flow, b"three")
        connection.connection_lost(None)
        assert not office.tcp.is_open(connection.flow)
        assert not office.tcp.send(connection.flow, b"four")

    run_virtual(main())


def test_what_waits_for_a_connection_is_bounded_and_fails_with_it() -> None:
    async def main() -> None:
        office = Office(connections=1)
        flow = office.tcp.connect(("127.0.0.1", 9))
        assert flow is not None
        assert office.tcp.connect(("127.0.0.1", 9)) == flow
        assert office.tcp.connect(("127.0.0.1", 10)) is None
        assert office.tcp.send(flow, b"x" * MAX_UNSENT)
        assert not office.tcp.send(flow, b"y")
        while not office.lost:
            await asyncio.sleep(0.1)
        assert office.lost == [flow]
        await office.tcp.stop()

    asyncio.run(main())


def test_stopping_closes_without_alarm() -> None:
    async def main() -> None:
        office = Office()
        connection, socket = office.connect()
        await office.tcp.stop()
        assert socket.is_closing()
        connection.connection_lost(None)
        assert office.lost == []

    run_virtual(main())
