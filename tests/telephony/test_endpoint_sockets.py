"""The endpoint on real sockets of 127.0.0.1."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from config.settings import SipSettings
from telephony.endpoint import AddressInUse, LegState, OutgoingLeg, SipEndpoint
from telephony.sip.uri import NameAddress, SipUri
from tests.support.sip_socket import SipSocket
from tests.support.sip_wire import ANSWER, OFFER, LegLog, Switch

SOON = 5.0


class Answering(Switch):
    """Answers every call at once."""

    def __init__(self) -> None:
        super().__init__()
        self.on_invite = lambda leg: leg.answer(ANSWER)


@asynccontextmanager
async def running(
    switch: Switch | None = None, *, trace: bool = False
) -> AsyncIterator[SipEndpoint]:
    endpoint = SipEndpoint(
        SipSettings(udp_port=0, tcp_port=0, ws_port=0, trace=trace), switch or Answering()
    )
    await endpoint.start()
    try:
        yield endpoint
    finally:
        await endpoint.stop()


async def until(condition: object) -> None:
    """Wait, for a bounded time, until `condition()` is true."""
    async with asyncio.timeout(SOON):
        while not condition():  # type: ignore[operator]
            await asyncio.sleep(0.005)


def call(
    caller: SipEndpoint, callee: SipEndpoint, log: LegLog, transport: str, host: str = "127.0.0.1"
) -> OutgoingLeg:
    port = callee.bound[transport][1]
    return caller.invite(
        SipUri.parse(f"sip:5000@{host}:{port};transport={transport}"),
        handler=log,
        offer=OFFER,
        from_=NameAddress.parse("<sip:1001@127.0.0.1>"),
        to=NameAddress.parse("<sip:5000@127.0.0.1>"),
    )


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_a_call_between_two_endpoints(transport: str) -> None:
    switch, log = Answering(), LegLog()
    async with running() as caller, running(switch) as callee:
        leg = call(caller, callee, log, transport)
        assert log.seen == []
        await until(lambda: log.seen)
        assert log.seen == [("answered", ANSWER)]
        assert leg.flow.transport == transport
        await until(lambda: switch.legs[0].state is LegState.ESTABLISHED)
        switch.legs[0].hang_up()
        await until(lambda: len(log.seen) > 1)
        assert log.seen[1:] == [("ended", "remote_hung_up")]
        await until(lambda: callee.statistics.user_agent.dialogs == 0)
        assert caller.statistics.user_agent.legs == 0
        assert caller.statistics.connections == (transport == "tcp")


async def test_a_name_is_resolved() -> None:
    log = LegLog()
    async with running() as caller, running() as callee:
        leg = call(caller, callee, log, "udp", host="localhost")
        await until(lambda: log.seen)
        assert log.seen == [("answered", ANSWER)]
        leg.hang_up()


async def test_a_name_nobody_has_fails_the_call() -> None:
    log = LegLog()
    async with running() as caller, running() as callee:
        call(caller, callee, log, "udp", host="no-such-name.invalid")
        await until(lambda: log.seen)
        assert log.seen == [("failed", 503, "Service Unavailable")]


async def test_a_refused_connection_fails_the_call() -> None:
    log = LegLog()
    async with running() as caller, running() as callee:
        port = callee.bound["tcp"][1]
        await callee.stop()
        caller.invite(
            SipUri.parse(f"sip:5000@127.0.0.1:{port};transport=tcp"),
            handler=log,
            offer=OFFER,
            from_=NameAddress.parse("<sip:a@b>"),
            to=NameAddress.parse("<sip:c@d>"),
        )
        await until(lambda: log.seen)
        assert log.seen == [("failed", 503, "Service Unavailable")]


async def test_pings_tell_who_is_there() -> None:
    async with running() as caller, running() as callee:
        port = callee.bound["udp"][1]
        assert await caller.options(SipUri.parse(f"sip:127.0.0.1:{port}")) == 200
        flow = None
        silent = SipUri.parse("sip:127.0.0.1:9")
        assert await caller.options(silent, flow, timeout=0.05) is None
        assert await caller.options(SipUri.parse("sip:127.0.0.1;transport=tls")) is None


async def test_drain_refuses_new_calls() -> None:
    log = LegLog()
    async with running() as caller, running() as callee:
        callee.drain = True
        assert callee.drain
        call(caller, callee, log, "udp")
        await until(lambda: log.seen)
        assert log.seen == [("failed", 503, "Service Unavailable")]


async def test_a_port_in_use_is_named() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        endpoint = SipEndpoint(SipSettings(udp_port=port, tcp_port=0, ws_port=0), Switch())
        with pytest.raises(AddressInUse, match=f"UDP port {port} on 127.0.0.1"):
            await endpoint.start()


async def test_a_tcp_port_in_use_frees_the_udp_port() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        endpoint = SipEndpoint(SipSettings(udp_port=port, tcp_port=port, ws_port=0), Switch())
        with pytest.raises(AddressInUse, match=f"TCP port {port} on 127.0.0.1"):
            await endpoint.start()
        await asyncio.sleep(0)  # the loop closes the socket in its next round
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
            free.bind(("127.0.0.1", port))


async def test_garbage_and_faults_leave_the_endpoint_alive(
    caplog: pytest.LogCaptureFixture,
) -> None:
    switch = Answering()
    async with running(switch) as endpoint:
        peer = await SipSocket.open(endpoint.bound["udp"])
        for garbage in (b"", b"\r\n\r\n", b"\0\0\0\0", b"\xff" * 500, b"INVITE\r\n\r\n"):
            peer.send(garbage)
        broken = peer.request("INVITE", "sip:5000@127.0.0.1").replace("1 INVITE", "1 BYE")
        peer.send(broken)
        assert await peer.final_status() == 400
        switch.over_capacity = None  # type: ignore[method-assign, assignment]
        peer.send(peer.request("INVITE", "sip:5000@127.0.0.1"))
        peer.send(peer.request("OPTIONS", "sip:5000@127.0.0.1", tag="t2"))
        assert await peer.final_status() == 200
        assert endpoint.statistics.user_agent.malformed == 3
        peer.close()
    errors = [r.message for r in caplog.records if r.levelno >= logging.ERROR]
    assert errors == ["message could not be handled"]


async def test_the_trace_shows_both_directions(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "telephony.trace")
    async with running(trace=True) as caller, running() as callee:
        for transport in ("udp", "tcp"):
            port = callee.bound[transport][1]
            target = SipUri.parse(f"sip:127.0.0.1:{port};transport={transport}")
            assert await caller.options(target) == 200
    shown = [(r.__dict__["direction"], r.__dict__["transport"]) for r in caplog.records]
    assert shown == [("out", "udp"), ("in", "udp"), ("out", "tcp"), ("in", "tcp")]


async def test_where_we_listen_everywhere_contact_names_the_address_the_peer_sees() -> None:
    async with running() as callee:
        settings = SipSettings(host="0.0.0.0", udp_port=0, tcp_port=0, ws_port=0)
        caller = SipEndpoint(settings, Switch())
        await caller.start()
        try:
            log = LegLog()
            leg = call(caller, callee, log, "udp")
            assert leg.flow.local == ("127.0.0.1", caller.bound["udp"][1])
            await until(lambda: log.seen)
        finally:
            await caller.stop()
