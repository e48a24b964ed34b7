"""The small parts every transport stands on."""

import asyncio
import logging

import pytest

from telephony.tasks import TaskScope
from telephony.transport.bind import LocalAddresses, bind
from telephony.transport.udp import UdpTransport
from tests.support.virtual_time import run_virtual


def test_an_address_that_is_not_ours_is_no_address_in_use() -> None:
    with pytest.raises(OSError, match="assign"):
        bind("udp", "192.0.2.200", 0)


def test_ipv6_is_bound_as_such() -> None:
    with bind("tcp", "::1", 0) as bound:
        assert bound.getsockname()[0] == "::1"


def test_the_address_a_peer_sees_is_found_and_remembered() -> None:
    addresses = LocalAddresses()
    assert addresses.towards(("192.0.2.1", 5060), "198.51.100.1") == "192.0.2.1"
    assert addresses.towards(("0.0.0.0", 5060), "127.0.0.1") == "127.0.0.1"
    assert addresses.towards(("0.0.0.0", 5060), "127.0.0.1") == "127.0.0.1"
    # Nobody routes to the broadcast address: what we are bound to must do.
    assert addresses.towards(("0.0.0.0", 5060), "255.255.255.255") == "0.0.0.0"


def test_a_failed_task_is_logged_and_a_closed_scope_leaves_none(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def fail() -> None:
        raise RuntimeError("a fault")

    async def main() -> None:
        scope = TaskScope()
        scope.start(fail(), name="failing")
        scope.start(asyncio.sleep(3600), name="sleeping")
        await asyncio.sleep(1)
        await scope.close()
        assert len(asyncio.all_tasks()) == 1

    run_virtual(main())
    assert [
        (r.message, r.__dict__["task"]) for r in caplog.records if r.levelno == logging.ERROR
    ] == [("task failed", "failing")]


async def test_udp_sends_and_receives_and_drops_keepalives() -> None:
    received: list[tuple[bytes, object]] = []
    here = UdpTransport(lambda data, flow: received.append((data, flow)))
    there = UdpTransport(lambda data, flow: None)
    await here.start("127.0.0.1", 0)
    await there.start("127.0.0.1", 0)
    to_here = there.flow_to(here.bound)
    for data in (b"\r\n\r\n", b"\0\0\0\0", b"message"):
        assert there.send(to_here, data)
    async with asyncio.timeout(5):
        while not received:
            await asyncio.sleep(0.005)
    assert received == [(b"message", here.flow_to(there.bound))]
    here.stop()
    there.stop()
    there.stop()
    assert not there.send(to_here, b"late")
