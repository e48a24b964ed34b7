import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from itertools import count
from uuid import UUID

import pytest

from routing.dispatcher import Dispatcher, Offer, OfferPort, Outcome, WorkItem
from routing.errors import NoAgents, QueueFull, UnknownQueue
from routing.events import AgentState, RoutingEvent, WorkId, WorkQueued
from tests.support.centre import (
    AVAILABLE,
    AWAY,
    NOON,
    OFFLINE,
    TENANT,
    agent,
    in_words,
    queue,
    work_id,
)
from tests.support.virtual_time import run_virtual

ANNA, BEN = agent(1), agent(2)
SALES = queue(wrap_up_seconds=10)
"""Rings for 20 seconds."""


class Phones:
    """An OfferPort whose agents do what the test says, and that knows who is being rung."""

    def __init__(self, behaviour: Callable[[Offer], Awaitable[Outcome]]) -> None:
        self._behaviour = behaviour
        self.ringing: list[int] = []
        self.rung: list[int] = []

    async def offer(self, offer: Offer) -> Outcome:
        number = offer.agent_id.int - 0x3000
        self.ringing.append(number)
        self.rung.append(number)
        try:
            return await self._behaviour(offer)
        finally:
            self.ringing.remove(number)


async def silent(_: Offer) -> Outcome:
    await asyncio.sleep(3_600)
    return Outcome.ACCEPTED


async def quick(_: Offer) -> Outcome:
    await asyncio.sleep(2)
    return Outcome.ACCEPTED


async def broken(_: Offer) -> Outcome:
    raise ConnectionResetError


async def cut_off(_: Offer) -> Outcome:
    raise asyncio.CancelledError


async def answers_too_late(_: Offer) -> Outcome:
    """The agent has answered already when the offer is taken back."""
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.sleep(3_600)
    return Outcome.ACCEPTED


class Desk:
    """A dispatcher on the clock of the loop, and everything it told."""

    def __init__(self, port: OfferPort) -> None:
        loop = asyncio.get_running_loop()
        ids = count(1)
        self.log: list[tuple[float, str]] = []
        self.events: list[RoutingEvent] = []
        self.removed: list[str] = []
        self.dispatcher = Dispatcher(
            TENANT,
            port,
            self.publish,
            clock=loop.time,
            utcnow=lambda: NOON + timedelta(seconds=loop.time()),
            new_id=lambda: UUID(int=next(ids)),
        )
        self.dispatcher.configure([SALES], [ANNA, BEN])
        self.ended: asyncio.Task[None] | None = None

    def publish(self, event: RoutingEvent) -> None:
        self.events.append(event)
        self.log.append((asyncio.get_running_loop().time(), in_words(event)))

    def ready(self, *numbers: int) -> None:
        for number in numbers:
            self.dispatcher.set_reachable(agent(number).id, True)
            self.dispatcher.set_agent_state(agent(number).id, AVAILABLE)

    def call(self, number: int = 1) -> WorkId:
        item = WorkItem(work_id(number), SALES.id)
        self.dispatcher.enqueue(item, removed=self.removed.append)
        return item.id

    def state(self, number: int = 1) -> str:
        seen = self.dispatcher.agent(agent(number).id)
        return f"{seen.state.value} {seen.reason}".strip()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as tasks:
            run = tasks.create_task(self.dispatcher.run())
            await asyncio.sleep(0)
            yield
            run.cancel()

    def times(self, words: str) -> list[float]:
        return [at for at, told in self.log if told == words]


def test_agent_is_rung_answers_talks_wraps_up_and_is_available_again() -> None:
    async def day() -> None:
        desk = Desk(Phones(quick))
        async with desk.running():
            desk.ready(1)
            call = desk.call()
            await asyncio.sleep(3)
            assert desk.state() == "engaged"
            await asyncio.sleep(57)
            desk.dispatcher.finish(call)
            assert desk.state() == "wrap_up"
            await asyncio.sleep(9.9)
            assert desk.state() == "wrap_up"
            await asyncio.sleep(0.2)
            assert desk.state() == "available"
            assert desk.times("answered call 1 after 2000 ms") == [2.0]

    run_virtual(day())


def test_silent_phone_is_given_up_after_the_ring_time_and_the_next_one_rings() -> None:
    async def day() -> None:
        phones = Phones(silent)
        desk = Desk(phones)
        async with desk.running():
            desk.ready(1, 2)
            desk.call()
            await asyncio.sleep(19.9)
            assert phones.ringing == [1]
            await asyncio.sleep(0.2)
            assert desk.state(1) == "not_responding no_answer"
            assert phones.ringing == [2]
            assert desk.times("offer of call 1 no_answer") == [20.0]

    run_virtual(day())


def test_broken_port_ends_only_its_offer(caplog: pytest.LogCaptureFixture) -> None:
    async def day() -> None:
        phones = Phones(lambda o: broken(o) if o.agent_id == ANNA.id else quick(o))
        desk = Desk(phones)
        async with desk.running():
            desk.ready(1, 2)
            desk.call()
            await asyncio.sleep(3)
            assert desk.state(1) == "not_responding device"
            assert desk.state(2) == "engaged"

    with caplog.at_level(logging.ERROR):
        run_virtual(day())
    assert [r.message for r in caplog.records] == ["offer failed"]


def test_port_whose_leg_is_cut_off_leaves_the_caller_in_line() -> None:
    async def day() -> None:
        desk = Desk(Phones(cut_off))
        async with desk.running():
            desk.ready(1)
            call = desk.call()
            await asyncio.sleep(1)
            assert desk.state() == "not_responding device"
            assert desk.dispatcher.position(call) == 1

    run_virtual(day())


def test_hanging_up_while_it_rings_stops_the_ringing() -> None:
    async def day() -> None:
        phones = Phones(silent)
        desk = Desk(phones)
        async with desk.running():
            desk.ready(1)
            call = desk.call()
            await asyncio.sleep(5)
            desk.dispatcher.withdraw(call, abandoned=True)
            assert desk.state() == "available"
            await asyncio.sleep(0)
            assert phones.ringing == []
            assert desk.times("offer of call 1 withdrawn") == [5.0]
            assert desk.times("abandoned call 1 at 1 after 5000 ms") == [5.0]
            desk.dispatcher.withdraw(call, abandoned=True)
            await asyncio.sleep(100)
            assert len(desk.times("abandoned call 1 at 1 after 5000 ms")) == 1
            assert desk.state() == "available"

    run_virtual(day())


def test_offer_withdrawn_before_it_could_ring_never_rings() -> None:
    async def day() -> None:
        phones = Phones(silent)
        desk = Desk(phones)
        async with desk.running():
            desk.ready(1)
            desk.dispatcher.withdraw(desk.call(), abandoned=True)
            await asyncio.sleep(30)
            assert phones.rung == []
            assert desk.state() == "available"

    run_virtual(day())


def test_answer_that_comes_after_the_withdrawal_engages_nobody() -> None:
    async def day() -> None:
        desk = Desk(Phones(answers_too_late))
        async with desk.running():
            desk.ready(1)
            call = desk.call()
            await asyncio.sleep(5)
            desk.dispatcher.withdraw(call, abandoned=True)
            await asyncio.sleep(1)
            assert desk.state() == "available"

    run_virtual(day())


def test_answer_at_the_last_moment_counts() -> None:
    async def day() -> None:
        desk = Desk(Phones(answers_too_late))
        async with desk.running():
            desk.ready(1)
            desk.call()
            await asyncio.sleep(21)
            assert desk.state() == "engaged"

    run_virtual(day())


def test_port_may_withdraw_the_work_it_rings_for() -> None:
    async def day() -> None:
        async def hangs_up(offer: Offer) -> Outcome:
            await asyncio.sleep(1)
            desk.dispatcher.withdraw(offer.work_id, abandoned=True)
            await asyncio.sleep(1)
            return Outcome.WITHDRAWN

        desk = Desk(Phones(hangs_up))
        async with desk.running():
            desk.ready(1)
            desk.call()
            await asyncio.sleep(5)
            assert desk.state() == "available"
            assert desk.times("abandoned call 1 at 1 after 1000 ms") == [1.0]

    run_virtual(day())


def test_port_that_says_the_caller_is_gone_ends_the_wait() -> None:
    async def day() -> None:
        async def gone(_: Offer) -> Outcome:
            return Outcome.WITHDRAWN

        desk = Desk(Phones(gone))
        async with desk.running():
            desk.ready(1)
            call = desk.call()
            await asyncio.sleep(1)
            assert desk.dispatcher.position(call) is None
            desk.dispatcher.configure([], [ANNA])
            assert desk.removed == []

    run_virtual(day())


def test_everything_may_be_called_before_it_runs() -> None:
    async def day() -> None:
        phones = Phones(quick)
        desk = Desk(phones)
        desk.ready(1)
        desk.call()
        await asyncio.sleep(7)
        assert phones.rung == []
        async with desk.running():
            await asyncio.sleep(3)
            assert desk.state() == "engaged"

    run_virtual(day())


def test_cancelling_leaves_no_phone_ringing_and_gives_callers_back() -> None:
    async def day() -> None:
        phones = Phones(silent)
        desk = Desk(phones)
        async with desk.running():
            desk.ready(1)
            desk.call(1)
            desk.call(2)
            await asyncio.sleep(5)
            assert phones.ringing == [1]
        assert phones.ringing == []
        assert phones.rung == [1]
        assert desk.removed == ["shutdown", "shutdown"]
        assert [told for at, told in desk.log if at == 5.0] == [
            "offer of call 1 withdrawn",
            "call 1 left: shutdown",
            "agent 1 available after 5000 ms",
            "call 2 left: shutdown",
        ]

    run_virtual(day())


def test_everything_is_harmless_after_the_end() -> None:
    async def day() -> None:
        phones = Phones(quick)
        desk = Desk(phones)
        async with desk.running():
            desk.ready(1)
            talk = desk.call(1)
            await asyncio.sleep(3)
        desk.ready(2)
        waiting = desk.call(2)
        desk.dispatcher.finish(talk)
        desk.dispatcher.withdraw(waiting, abandoned=False, reason="shutdown")
        desk.dispatcher.withdraw(talk, abandoned=True)
        desk.dispatcher.occupy(BEN.id)
        desk.dispatcher.vacate(BEN.id)
        await asyncio.sleep(60)
        assert phones.rung == [1]
        assert desk.dispatcher.queues()[0].waiting == 0

    run_virtual(day())


def test_removed_queue_tells_who_waited_in_it_and_only_those() -> None:
    async def day() -> None:
        desk = Desk(Phones(quick))
        async with desk.running():
            desk.ready(1)
            desk.call(1)
            await asyncio.sleep(3)
            desk.dispatcher.withdraw(desk.call(2), abandoned=True)
            desk.call(3)
            desk.dispatcher.enqueue(WorkItem(work_id(4), SALES.id))
            desk.dispatcher.configure([], [ANNA])
            assert desk.removed == ["closed"]
            assert desk.state() == "engaged"

    run_virtual(day())


def test_who_is_turned_away_is_on_record() -> None:
    async def day() -> None:
        desk = Desk(Phones(quick))
        desk.dispatcher.configure([queue(max_waiting=0)], [ANNA])
        with pytest.raises(QueueFull):
            desk.call(1)
        desk.dispatcher.configure([SALES], [ANNA])
        with pytest.raises(NoAgents):
            desk.dispatcher.enqueue(WorkItem(work_id(2), SALES.id, needs_agents=True))
        with pytest.raises(UnknownQueue):
            desk.dispatcher.enqueue(WorkItem(work_id(3), queue(9).id))
        assert [told for _, told in desk.log] == [
            "queued call 1 at 1",
            "call 1 left: full",
            "queued call 2 at 1",
            "call 2 left: no_agents",
        ]
        assert desk.removed == []

    run_virtual(day())


def test_queue_without_agents_gives_up_at_its_time() -> None:
    async def day() -> None:
        desk = Desk(Phones(silent))
        async with desk.running():
            desk.dispatcher.set_agent_state(ANNA.id, AWAY)
            item = WorkItem(work_id(1), SALES.id, needs_agents=True)
            desk.dispatcher.enqueue(item, removed=desk.removed.append)
            desk.dispatcher.set_agent_state(ANNA.id, OFFLINE)
            await asyncio.sleep(29)
            assert desk.removed == []
            await asyncio.sleep(2)
            assert desk.removed == ["no_agents"]

    run_virtual(day())


def test_what_a_listener_does_about_an_event_is_told_after_it() -> None:
    async def day() -> None:
        desk = Desk(Phones(quick))
        told: list[str] = []

        def listen(event: RoutingEvent) -> None:
            if isinstance(event, WorkQueued):
                desk.dispatcher.withdraw(event.work_id, abandoned=False, reason="closed")
            told.append(in_words(event))

        dispatcher = Dispatcher(
            TENANT,
            Phones(quick),
            listen,
            clock=lambda: 0.0,
            utcnow=lambda: NOON,
            new_id=lambda: UUID(int=7),
        )
        desk.dispatcher = dispatcher
        dispatcher.configure([SALES], [ANNA])
        desk.ready(1)
        told.clear()
        desk.call()
        assert told == [
            "queued call 1 at 1",
            "agent 1 offered after 0 ms",
            "offered call 1 to agent 1",
            "offer of call 1 withdrawn",
            "call 1 left: closed",
            "agent 1 available after 0 ms",
        ]

    run_virtual(day())


def test_failing_listener_costs_nobody_the_call(caplog: pytest.LogCaptureFixture) -> None:
    async def day() -> None:
        desk = Desk(Phones(quick))

        def fail(_: str) -> None:
            raise ValueError

        async with desk.running():
            desk.dispatcher.enqueue(WorkItem(work_id(1), SALES.id), removed=fail)
            desk.call(2)
            desk.dispatcher.configure([], [])
            assert desk.removed == ["closed"]

    with caplog.at_level(logging.ERROR):
        run_virtual(day())
    assert [r.message for r in caplog.records] == ["listener of the dispatcher failed"]


def test_chosen_state_is_returned_as_it_is_now() -> None:
    async def day() -> None:
        desk = Desk(Phones(quick))
        async with desk.running():
            desk.ready(1)
            desk.call()
            await asyncio.sleep(3)
            assert desk.dispatcher.set_agent_state(ANNA.id, AWAY) is AgentState.ENGAGED
            assert desk.dispatcher.set_agent_state(BEN.id, AWAY) is AWAY
            desk.dispatcher.finish(work_id(1))
            desk.dispatcher.end_wrap_up(ANNA.id)
            assert desk.state() == "away"
            assert [a.id for a in desk.dispatcher.agents()] == [ANNA.id, BEN.id]
            assert desk.dispatcher.find_queue("queue1") == SALES
            desk.dispatcher.configure((replace(SALES, name="help"),), (ANNA, BEN))
            assert desk.dispatcher.find_queue("help") == replace(SALES, name="help")
            assert desk.dispatcher.find_queue("queue1") is None

    run_virtual(day())
