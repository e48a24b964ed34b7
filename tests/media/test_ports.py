"""Which ports the engine uses, and when again."""

import socket
from collections.abc import Iterator
from random import Random

import pytest

from media.errors import NoPortLeft
from media.ports import PortPair, PortPool
from tests.support.free_ports import free_port_block


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def taken() -> Iterator[list[PortPair]]:
    pairs: list[PortPair] = []
    yield pairs
    for pair in pairs:
        pair.close()


def pool(first: int, last: int, clock: Clock) -> PortPool:
    return PortPool("127.0.0.1", first, last, rest_seconds=5, clock=clock, random=Random(1))


def test_rtp_is_even_and_rtcp_the_next_port(clock: Clock, taken: list[PortPair]) -> None:
    first = free_port_block(9)
    ports = pool(first, first + 8, clock)
    taken += [ports.take() for _ in range(4)]
    for pair in taken:
        assert pair.address[1] % 2 == 0
        assert pair.rtcp.getsockname()[1] == pair.address[1] + 1
        assert first <= pair.address[1] < first + 8
    assert len({pair.address for pair in taken}) == 4


def test_a_full_range_is_told(clock: Clock, taken: list[PortPair]) -> None:
    first = free_port_block(5)
    first += first % 2
    ports = pool(first, first + 3, clock)
    taken += [ports.take(), ports.take()]
    with pytest.raises(NoPortLeft) as refused:
        ports.take()
    assert refused.value.code == "media_no_port_left"


def test_a_port_rests_before_it_is_used_again(clock: Clock, taken: list[PortPair]) -> None:
    first = free_port_block(3)
    first += first % 2
    ports = pool(first, first + 1, clock)
    pair = ports.take()
    ports.give_back(pair)
    clock.now += 4.9
    with pytest.raises(NoPortLeft):
        ports.take()
    clock.now += 0.1
    taken.append(ports.take())
    assert taken[0].address == pair.address


def test_a_pair_of_which_another_program_has_one_port_is_passed_over(
    clock: Clock, taken: list[PortPair]
) -> None:
    first = free_port_block(5)
    first += first % 2
    ports = pool(first, first + 3, clock)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", first + 1))
        taken.append(ports.take())
        assert taken[0].address[1] == first + 2
        with pytest.raises(NoPortLeft):
            ports.take()
    taken.append(ports.take())
    assert taken[1].address[1] == first


def test_sockets_do_not_block_and_stamp_what_comes(clock: Clock, taken: list[PortPair]) -> None:
    first = free_port_block(3)
    first += first % 2
    taken.append(pool(first, first + 1, clock).take())
    for sock in (taken[0].rtp, taken[0].rtcp):
        with pytest.raises(BlockingIOError):
            sock.recv(1)
        assert sock.getsockopt(socket.SOL_SOCKET, 35) == 1


def test_ports_are_not_handed_out_in_order(clock: Clock, taken: list[PortPair]) -> None:
    first = free_port_block(41)
    ports = pool(first, first + 40, clock)
    taken += [ports.take() for _ in range(10)]
    used = [pair.address[1] for pair in taken]
    assert used != sorted(used)


def test_an_ipv6_host_gets_ipv6_sockets(clock: Clock, taken: list[PortPair]) -> None:
    first = free_port_block(3)
    first += first % 2
    ports = PortPool("::1", first, first + 1, rest_seconds=5, clock=clock, random=Random(1))
    try:
        taken.append(ports.take())
    except NoPortLeft:
        pytest.skip("this machine has no IPv6 loopback")
    assert taken[0].address == ("::1", first)
