"""Trunks are asked whether they are there, and we register with those that want it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from config.settings import TrunkSettings
from telephony.directory import Trunk
from telephony.sip.uri import SipUri
from telephony.trunk_status import RegistrationState, TrunkState, TrunkStateChanged
from telephony.trunks.liveness import Liveness
from telephony.trunks.monitor import Trunks
from telephony.trunks.registration import RegisterAnswer, Registration
from telephony.ua.outside import Registering, RegisterResult
from tests.support.registrations import OTHER_TENANT, TENANT
from tests.support.virtual_time import run_virtual

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
OK = RegisterAnswer(200)


def liveness() -> Liveness:
    return Liveness(every=30, at_most=120)


def test_a04_trunk_is_up_with_the_first_answer_whatever_it_says() -> None:
    for status in (200, 404, 403, 500):
        asked = liveness()
        assert asked.receive(status) == 30
        assert asked.state is TrunkState.UP


def test_a04_one_lost_ping_is_asked_again_soon_and_two_are_down() -> None:
    asked = liveness()
    asked.receive(200)
    assert asked.receive(None) == 5
    assert asked.state is TrunkState.UP
    assert asked.receive(None) == 30
    assert (asked.state, asked.detail) == (TrunkState.DOWN, "it does not answer")
    assert asked.receive(200) == 30
    assert (asked.state, asked.detail) == (TrunkState.UP, "")
    assert asked.receive(None) == 5
    assert asked.state is TrunkState.UP, "misses are counted in a row"


def test_a04_trunk_that_stays_down_is_asked_less_and_less_often_up_to_a_bound() -> None:
    asked = liveness()
    assert [asked.receive(None) for _ in range(6)] == [5, 30, 60, 120, 120, 120]


def test_a04_proxy_that_cannot_serve_is_down() -> None:
    asked = liveness()
    for _ in range(2):
        asked.receive(503)
    assert (asked.state, asked.detail) == (TrunkState.DOWN, "it answers 503")


def registration(seconds: int = 600) -> Registration:
    return Registration(seconds=seconds, longest_retry=60)


@pytest.mark.parametrize(
    ("granted", "renewed_at"), [(3_600, 3_540), (60, 48), (10, 8), (None, 540), (1, 1)]
)
def test_a02_registration_is_renewed_before_what_was_granted_is_over(
    granted: int | None, renewed_at: float
) -> None:
    ours = registration()
    assert ours.is_due(now=0)
    ours.receive(replace(OK, granted=granted), now=0)
    assert (ours.state, ours.detail) == (RegistrationState.REGISTERED, "")
    assert ours.expires_at == (granted or 600)
    assert ours.next_timeout() == renewed_at
    assert ours.is_due(now=renewed_at)


def test_a02_least_time_is_obeyed_at_once() -> None:
    ours = registration()
    ours.receive(RegisterAnswer(423, least=1_800), now=0)
    assert (ours.asks, ours.is_due(now=0)) == (1_800, True)
    ours.receive(OK, now=0)
    assert ours.expires_at == 1_800


@pytest.mark.parametrize("least", [None, 60, 600, 100_000_000])
def test_a02_least_time_that_makes_no_sense_is_not_obeyed(least: int | None) -> None:
    ours = registration()
    ours.receive(RegisterAnswer(423, least=least), now=0)
    assert ours.asks == 600
    assert not ours.is_due(now=0)
    assert ours.state is RegistrationState.FAILED


def test_a02_who_raises_the_least_time_for_ever_is_not_followed() -> None:
    ours = registration()
    asked = 0
    while ours.is_due(now=0):
        asked += 1
        ours.receive(RegisterAnswer(423, least=ours.asks + 1), now=0)
    assert asked == 4


def test_a02_failed_try_is_repeated_later_and_later_and_as_late_as_it_says() -> None:
    ours, now, waits = registration(), 0.0, []
    for _ in range(5):
        ours.receive(RegisterAnswer(None), now=now)
        waits.append(ours.next_timeout() - now)
        now = ours.next_timeout()
    assert waits == [10, 20, 40, 60, 60]
    ours.receive(RegisterAnswer(503, retry_after=90), now=now)
    assert ours.next_timeout() - now == 90
    ours.receive(RegisterAnswer(503, retry_after=10**9), now=now)
    assert ours.next_timeout() - now == 86_400


@pytest.mark.parametrize(
    ("status", "why"),
    [
        (401, "it refuses username or password (401)"),
        (403, "it refuses username or password (403)"),
        (404, "it does not know the username (404)"),
        (None, "it does not answer"),
        (500, "it answers 500"),
    ],
)
def test_a02_reason_of_a_failure_is_said(status: int | None, why: str) -> None:
    ours = registration()
    ours.receive(RegisterAnswer(status), now=0)
    assert (ours.state, ours.detail) == (RegistrationState.FAILED, why)


def test_a02_registration_that_is_not_renewed_holds_until_it_is_over() -> None:
    ours = registration(100)
    ours.receive(OK, now=0)
    assert ours.is_due(now=80)
    ours.receive(RegisterAnswer(None), now=80)
    assert ours.state is RegistrationState.REGISTERED
    assert ours.next_timeout() == 90
    ours.receive(RegisterAnswer(None), now=90)
    assert ours.next_timeout() == 100, "it looks again when the registration is over"
    assert not ours.is_due(now=100)
    assert (ours.state, ours.detail) == (RegistrationState.FAILED, "it does not answer")
    assert ours.next_timeout() == 110
    ours.receive(OK, now=110)
    assert ours.state is RegistrationState.REGISTERED


def test_a02_answer_that_grants_nothing_is_a_failure() -> None:
    ours = registration()
    ours.receive(replace(OK, granted=0), now=0)
    assert ours.state is RegistrationState.FAILED


# the shell around both, on a clock that jumps


@dataclass
class FakePeers:
    alive: bool = True
    pingable: bool = True
    status: int = 200
    pings: list[float] = field(default_factory=list)
    registered: list[tuple[float, int]] = field(default_factory=list)
    sent: list[Registering] = field(default_factory=list)

    async def options(self, target: SipUri, *, timeout: float) -> int | None:
        del target
        self.pings.append(asyncio.get_running_loop().time())
        answers = self.alive and self.pingable
        await asyncio.sleep(0 if answers else timeout)
        return 200 if answers else None

    async def register(self, registering: Registering) -> RegisterResult:
        self.sent.append(registering)
        self.registered.append((asyncio.get_running_loop().time(), registering.expires))
        registering.next_cseq()
        return RegisterResult(self.status if self.alive else None)


def a_trunk(**changes: object) -> Trunk:
    made = Trunk(
        id=UUID(int=9),
        tenant_id=TENANT,
        name="pbx",
        networks=(),
        target=SipUri.parse("sip:pbx.example"),
        username="murima",
        password="secret",
    )
    return replace(made, **changes)  # type: ignore[arg-type]


@dataclass
class Watch:
    trunks: Trunks
    peers: FakePeers
    events: list[TrunkStateChanged]

    def told(self) -> list[tuple[float, str, str, str]]:
        return [
            ((e.at - NOON).total_seconds(), e.state.value, e.registration.value, e.detail)
            for e in self.events
        ]


@asynccontextmanager
async def watching(*trunks: Trunk) -> AsyncIterator[Watch]:
    loop, peers = asyncio.get_running_loop(), FakePeers()
    events: list[TrunkStateChanged] = []
    async with asyncio.TaskGroup() as tasks:
        made = Trunks(
            peers,
            tasks,
            TrunkSettings(),
            line_of=lambda trunk: f"line-{trunk.id.int}-{trunk.username}",
            publish=events.append,
            utcnow=lambda: NOON + timedelta(seconds=loop.time()),
        )
        made.configure(trunks)
        made.start()
        yield Watch(made, peers, events)
        await made.close()


def test_a04_state_change_is_told_once_and_says_why() -> None:
    async def main() -> None:
        async with watching(a_trunk()) as watch:
            await asyncio.sleep(1)
            assert watch.trunks.status(TENANT, UUID(int=9)).state is TrunkState.UP
            assert watch.trunks.status(OTHER_TENANT, UUID(int=9)).state is TrunkState.OFF
            watch.peers.alive = False
            await asyncio.sleep(300)
            status = watch.trunks.status(TENANT, UUID(int=9))
            assert (status.state, status.detail) == (TrunkState.DOWN, "it does not answer")
            assert status.since == NOON + timedelta(seconds=45)
            assert watch.trunks.is_down(a_trunk())
            watch.peers.alive = True
            await asyncio.sleep(120)
            assert [told[1:] for told in watch.told()] == [
                ("up", "off", ""),
                ("down", "off", "it does not answer"),
                ("up", "off", ""),
            ]

    run_virtual(main())


def test_trunk_that_only_brings_calls_is_not_asked() -> None:
    async def main() -> None:
        async with watching(a_trunk(target=None)) as watch:
            await asyncio.sleep(100)
            assert watch.peers.pings == []
            assert watch.trunks.status(TENANT, UUID(int=9)).state is TrunkState.UNKNOWN

    run_virtual(main())


def test_a04_trunk_that_answers_no_pings_at_all_is_up_while_it_keeps_our_registration() -> None:
    async def main() -> None:
        async with watching(a_trunk(register=True)) as watch:
            watch.peers.pingable = False
            await asyncio.sleep(300)
            assert watch.trunks.status(TENANT, UUID(int=9)).state is TrunkState.UP
            assert [told[1] for told in watch.told()] == ["up"]
            watch.peers.status = 403
            await asyncio.sleep(700)
            assert watch.trunks.is_down(a_trunk())
            watch.peers.status, watch.peers.pingable = 200, True
            await asyncio.sleep(300)
            assert not watch.trunks.is_down(a_trunk())
            watch.peers.pingable = False
            await asyncio.sleep(60)
            assert watch.trunks.is_down(a_trunk()), "it has answered before"

    run_virtual(main())


def test_fault_in_a_goodbye_costs_no_other_call(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with watching(a_trunk(register=True)) as watch:
            await asyncio.sleep(1)

            async def broken(_: Registering) -> RegisterResult:
                raise OSError("no buffer space")

            watch.peers.register = broken  # type: ignore[assignment]
            watch.trunks.configure([])
            await asyncio.sleep(1)
            assert watch.trunks.all() == []

    run_virtual(main())
    assert "trunk could not be left" in caplog.text


def test_a02_trunk_that_wants_it_is_registered_with_renewed_and_left() -> None:
    async def main() -> None:
        async with watching(a_trunk(register=True)) as watch:
            await asyncio.sleep(700)
            status = watch.trunks.status(TENANT, UUID(int=9))
            assert (status.state, status.registration) == (
                TrunkState.UP,
                RegistrationState.REGISTERED,
            )
            assert status.registered_until == NOON + timedelta(seconds=540 + 600)
            assert watch.trunks.trunk_of_line("line-9-murima") == a_trunk(register=True)
            assert watch.trunks.trunk_of_line("murima") is None
        assert watch.peers.registered == [(0, 600), (540, 600), (700, 0)]
        assert len({each.call_id for each in watch.peers.sent}) == 1
        assert [each.next_cseq() for each in watch.peers.sent] == [4, 5, 6]
        assert watch.told() == [(0, "up", "registered", "")]

    run_virtual(main())


def test_a02_trunk_that_refuses_us_is_down_and_says_why() -> None:
    async def main() -> None:
        async with watching(a_trunk(register=True)) as watch:
            watch.peers.status = 403
            await asyncio.sleep(25)
            status = watch.trunks.status(TENANT, UUID(int=9))
            assert status.state is TrunkState.DOWN
            assert status.detail == "not registered: it refuses username or password (403)"
            watch.peers.status = 200
            await asyncio.sleep(10)
            assert watch.trunks.status(TENANT, UUID(int=9)).state is TrunkState.UP
        assert [at for at, _ in watch.peers.registered] == [0, 10, 30, 35]

    run_virtual(main())


def test_changed_trunk_is_asked_anew_and_others_are_left_alone() -> None:
    async def main() -> None:
        other = a_trunk(id=UUID(int=10), name="other")
        async with watching(a_trunk(register=True), other) as watch:
            await asyncio.sleep(10)
            before = watch.trunks.status(TENANT, UUID(int=10))
            watch.trunks.configure([a_trunk(register=True, password="new"), other])
            await asyncio.sleep(1)
            assert [expires for _, expires in watch.peers.registered] == [600, 600]
            assert watch.peers.sent[-1].credentials.password == "new"
            watch.trunks.configure([a_trunk(), other])
            await asyncio.sleep(1)
            assert [expires for _, expires in watch.peers.registered] == [600, 600, 0]
            assert watch.trunks.trunk_of_line("line-9-murima") is None
            assert watch.trunks.status(TENANT, UUID(int=10)) == before
            watch.trunks.configure([])
            assert watch.trunks.status(TENANT, UUID(int=10)).state is TrunkState.OFF

    run_virtual(main())
