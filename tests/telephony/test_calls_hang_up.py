"""Whoever hangs up, whenever: nothing is left, and everything is told once."""

import asyncio
from collections.abc import Callable

import pytest

from telephony.events import CallEnded, CallStarted
from tests.support.fake_calls import ANNA, Exchange, FakeCaller, answers_after, exchange
from tests.support.registrations import TENANT
from tests.support.virtual_time import run_virtual

QUEUE = {
    "5001": {
        "name": "sales",
        "start": "hello",
        "nodes": {
            "hello": {"kind": "play", "prompts": [{"say": "Welcome."}], "next": "wait"},
            "wait": {
                "kind": "queue",
                "queue": "sales",
                "max_wait_seconds": 60,
                "timeout": "sorry",
            },
            "sorry": {"kind": "hangup", "prompts": [{"say": "Sorry."}]},
        },
    }
}
LENGTH = 8.0
_TALK_ENDS = 6.0


def moments(step: float) -> list[float]:
    return [round(n * step, 3) for n in range(int(LENGTH / step) + 1)]


async def queue_call(meanwhile: Callable[[Exchange, FakeCaller], None], at: float) -> None:
    """A call that is greeted, waits, is answered, and ends after a talk."""
    async with exchange(QUEUE) as centre:
        loop = asyncio.get_running_loop()
        centre.register("1001")
        centre.available(ANNA)
        centre.endpoint.behaviour["1001"] = answers_after(2.0)
        caller = centre.call("5001")
        loop.call_at(at, meanwhile, centre, caller)
        loop.call_at(_TALK_ENDS, caller.bye)
        await asyncio.sleep(LENGTH + 1)
        assert len(centre.told(CallStarted)) == len(centre.told(CallEnded)) == 1
        assert len(centre.switchboard) == 0
        # The caller may have left before the agent was rung, or while.
        assert centre.state(ANNA) in ("available", "wrap_up", "not_responding")


def agent_goes(centre: Exchange, _: FakeCaller) -> None:
    for leg in centre.endpoint.legs:
        leg.go()


def both_go(centre: Exchange, caller: FakeCaller) -> None:
    agent_goes(centre, caller)
    caller.go()


def caller_goes(_: Exchange, caller: FakeCaller) -> None:
    caller.go()


def supervisor(centre: Exchange, _: FakeCaller) -> None:
    for snapshot in centre.switchboard.calls():
        centre.switchboard.hang_up(snapshot.tenant_id, snapshot.id)


def supervisor_twice(centre: Exchange, caller: FakeCaller) -> None:
    """As when a supervisor hangs up while the server stops."""
    supervisor(centre, caller)
    asyncio.get_running_loop().call_later(0.002, cancel_tasks_of_calls)


def cancel_tasks_of_calls() -> None:
    for task in asyncio.all_tasks():
        if task.get_name().startswith("call "):
            task.cancel()


def media_stop(_: Exchange, caller: FakeCaller) -> None:
    caller.fall_silent()


@pytest.mark.parametrize(
    "who",
    [caller_goes, agent_goes, both_go, supervisor, supervisor_twice, media_stop],
    ids=lambda who: who.__name__,
)
def test_hang_up_at_any_time(who: Callable[[Exchange, FakeCaller], None]) -> None:
    for at in moments(0.1):
        try:
            run_virtual(queue_call(who, at))
        except BaseException as error:
            raise AssertionError(f"{who.__name__} at {at}") from error


@pytest.mark.parametrize("who", [caller_goes, supervisor, supervisor_twice])
def test_hang_up_around_the_moment_of_the_answer(
    who: Callable[[Exchange, FakeCaller], None],
) -> None:
    """The agent answers at about 3.03 s; a tight mesh around it meets every step of the joining."""
    for thousandth in range(2_990, 3_080):
        at = thousandth / 1_000
        try:
            run_virtual(queue_call(who, at))
        except BaseException as error:
            raise AssertionError(f"{who.__name__} at {at}") from error


def document(**nodes: object) -> dict[str, object]:
    return {
        "name": "test",
        "start": "first",
        "nodes": {**nodes, "bye": {"kind": "hangup", "prompts": [{"say": "Goodbye."}]}},
    }


OTHERS = {
    "5002": document(
        first={
            "kind": "voicemail",
            "mailbox": "sales",
            "prompts": [{"say": "Speak."}],
            "max_seconds": 3,
            "next": "bye",
        }
    ),
    "5003": document(
        first={"kind": "transfer", "target": "1003", "ring_seconds": 4, "failed": "bye"}
    ),
    "5004": document(first={"kind": "echo", "max_seconds": 3, "next": "bye"}),
    "5005": document(
        first={"kind": "queue", "queue": "sales", "max_wait_seconds": 2.5, "timeout": "bye"}
    ),
}


def from_trunk(number: str) -> Callable[[Exchange], object]:
    return lambda centre: centre.call(number)


def from_phone(centre: Exchange) -> object:
    return centre.call("1003", user="1001")


def by_rest(centre: Exchange) -> object:
    return centre.switchboard.originate(TENANT, "1001", "1003")


def callees_go(centre: Exchange) -> None:
    for leg in centre.endpoint.legs:
        leg.go()


def last_callee_goes(centre: Exchange) -> None:
    for leg in centre.endpoint.legs[-1:]:
        leg.go()


def callers_go(centre: Exchange) -> None:
    for leg in centre.callers:
        leg.go()


def shut_down(centre: Exchange) -> None:
    for snapshot in centre.switchboard.calls():
        centre.switchboard.hang_up(snapshot.tenant_id, snapshot.id, "shutdown")
    cancel_tasks_of_calls()


async def other_call(
    begin: Callable[[Exchange], object], end: Callable[[Exchange], None], at: float, answer: float
) -> None:
    async with exchange(OTHERS) as centre:
        loop = asyncio.get_running_loop()
        centre.endpoint.behaviour = {
            "1001": answers_after(answer),
            "1003": answers_after(answer),
        }
        centre.register("1001", "1003")
        centre.register_again("1003")
        centre.available(ANNA)
        begin(centre)
        loop.call_at(at, end, centre)
        await asyncio.sleep(9)
        shut_down(centre)
        await asyncio.sleep(1)


@pytest.mark.parametrize("end", [callees_go, last_callee_goes, callers_go, shut_down])
@pytest.mark.parametrize(
    "begin",
    [*(from_trunk(number) for number in OTHERS), from_phone, by_rest],
    ids=[*OTHERS, "phone to phone", "REST"],
)
def test_other_calls_end_cleanly_too(
    begin: Callable[[Exchange], object], end: Callable[[Exchange], None]
) -> None:
    """Also with two phones of one user, and with answers about when ringing and waiting end."""
    for answer in (1.0, 2.5, 3.98, 4.0):
        for at in [round(n * 0.5, 3) for n in range(11)] + [answer + 0.01, answer + 0.015]:
            try:
                run_virtual(other_call(begin, end, at, answer))
            except BaseException as error:
                raise AssertionError(f"at {at}, answered after {answer}") from error
