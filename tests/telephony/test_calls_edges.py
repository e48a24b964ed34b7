"""What goes wrong or goes unusually in calls, and what those on the line notice of it."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from media.errors import MediaError
from routing.events import WorkAbandoned
from telephony.events import CallEnded, CallStarted, FlowNodeEntered, LegRinging, RecordingStored
from tests.support.fake_calls import (
    ANNA,
    BEN,
    Exchange,
    FakeCallee,
    FakeCaller,
    FakeEngine,
    FakePrompts,
    answers_after,
    exchange,
    sales_queue,
    sdp,
)
from tests.support.registrations import TENANT
from tests.support.virtual_time import run_virtual

at = asyncio.sleep


def flow(start: str, **nodes: dict[str, Any]) -> dict[str, Any]:
    return {"name": "test", "start": start, "nodes": nodes}


def say(text: str) -> list[dict[str, str]]:
    return [{"say": text}]


BYE = {"kind": "hangup", "prompts": say("Goodbye.")}
WAIT = {"kind": "queue", "queue": "sales", "timeout": "bye"}
FLOWS = {
    "5000": flow("hello", hello={"kind": "play", "prompts": say("Hello."), "next": "bye"}, bye=BYE),
    "5001": flow("wait", wait=WAIT, bye=BYE),
    "5002": flow(
        "mail",
        mail={"kind": "voicemail", "mailbox": "sales", "max_seconds": 60, "next": "bye"},
        bye=BYE,
    ),
    "5003": flow(
        "pass", **{"pass": {"kind": "transfer", "target": "1001", "failed": "bye"}}, bye=BYE
    ),
    "5004": flow("wait", wait={**WAIT, "priority": 9}, bye=BYE),
}


def run(main: Coroutine[Any, Any, None]) -> None:
    run_virtual(main)


async def talking(centre: Exchange) -> FakeCaller:
    centre.endpoint.behaviour["1001"] = answers_after(1)
    centre.register("1001")
    centre.available(ANNA)
    caller = centre.call("5001")
    await at(2)
    return caller


# --- before the answer


def test_a_caller_hears_what_the_called_side_plays_before_it_answers() -> None:
    async def call() -> None:
        async with exchange(FLOWS) as centre:
            caller = centre.call("0401234", user="1003")
            await at(0.1)
            outside = centre.endpoint.to("0401234")
            outside.ring(183, sdp(port=41_000))
            assert caller.did == ["180", "183"]
            assert caller.media.bridge is not None
            assert caller.media.bridge.legs == {caller.media, outside.media}
            outside.ring(183, sdp(port=41_000))
            assert caller.did == ["180", "183"], "said once"
            outside.answer(bare=True)
            await at(0.1)
            assert caller.did == ["180", "183", "200"]
            assert caller.media.bridge is not None
            assert caller.media.bridge.legs == {caller.media, outside.media}
            caller.bye()

    run(call())


def test_an_announcement_instead_of_an_answer() -> None:
    async def call() -> None:
        async with exchange(FLOWS) as centre:
            caller = centre.call("0401234", user="1003")
            await at(0.1)
            outside = centre.endpoint.to("0401234")
            outside.ring(183, sdp(port=41_000))
            outside.fail(404)
            await at(0.1)
            assert caller.did == ["180", "183", "404"]

    run(call())


def test_early_sound_that_cannot_be_used_waits_for_the_answer() -> None:
    async def call() -> None:
        async with exchange(FLOWS) as centre:
            caller = centre.call("0401234", user="1003")
            await at(0.1)
            outside = centre.endpoint.to("0401234")
            outside.ring(183, b"nonsense")
            outside.ring(183, sdp(codec=18))
            assert caller.did == ["180"]
            outside.answer()
            await at(0.1)
            assert caller.did == ["180", "200"]
            caller.bye()

    run(call())


def test_an_answer_without_any_description_is_none() -> None:
    async def call() -> None:
        async with exchange(FLOWS) as centre:
            caller = centre.call("0401234", user="1003")
            await at(0.1)
            outside = centre.endpoint.to("0401234")
            outside.answer(bare=True)
            await at(0.1)
            assert caller.did == ["180", "488"]
            assert outside.did == ["BYE"]

    run(call())


def test_a_phone_that_says_twice_that_it_rings_rings_once() -> None:
    async def call() -> None:
        async with exchange(FLOWS) as centre:
            centre.register("1004")
            caller = centre.call("1004", user="1003")
            await at(0.1)
            centre.endpoint.to("1004").ring()
            assert len(centre.told(LegRinging)) == 1
            caller.cancel()

    run(call())


def test_a_flow_waits_until_a_late_offer_is_agreed_on() -> None:
    async def call() -> None:
        async with exchange(FLOWS) as centre:
            caller = centre.call("5000", delayed=True)
            await at(1)
            assert caller.media.prompts == []
            caller.party.leg_acknowledged(sdp())
            await at(0.1)
            assert caller.media.hears == "Hello."
            caller.bye()
            gone = centre.call("5000", delayed=True)
            await at(0.1)
            gone.bye()
            await at(0.1)
            assert centre.causes == ["caller_hung_up"] * 2

    run(call())


# --- several phones of one agent


@pytest.mark.parametrize(
    ("status", "reason"),
    [(200, "SIP;cause=200"), (603, "SIP;cause=603"), (486, None)],
)
def test_what_one_phone_says_counts_for_the_other(status: int, reason: str | None) -> None:
    """A phone that stops ringing because of another one must not show a missed call."""

    async def call() -> None:
        async with exchange(FLOWS) as centre:
            centre.register("1001")
            centre.register_again("1001")
            centre.available(ANNA)
            caller = centre.call("5001")
            await at(1)
            one, two = centre.endpoint.legs
            two.answer() if status == 200 else two.fail(status)
            await at(0.1)
            assert one.is_over is (reason is not None)
            assert (one.reason or "").startswith(reason or "")
            assert (one.reason is None) is (reason is None)
            caller.bye()

    run(call())


# --- agents who are reached past the queues


@pytest.mark.parametrize("way", ["directly", "by a transfer", "by originate"])
def test_an_agent_reached_past_the_queues_is_offered_nothing(way: str) -> None:
    async def call() -> None:
        async with exchange(FLOWS) as centre:
            centre.register("1001", "1003")
            centre.available(ANNA)
            centre.endpoint.behaviour["1001"] = answers_after(1)
            centre.endpoint.behaviour["1003"] = answers_after(1)
            if way == "directly":
                centre.call("1001", user="1003")
            elif way == "by a transfer":
                centre.call("5003")
            else:
                centre.switchboard.originate(TENANT, "1003", "1001")
            await at(3)
            assert centre.state(ANNA) == "engaged"
            waiting = centre.call("5001")
            await at(1)
            assert waiting.media.hears == "music"
            centre.endpoint.to("1001").bye()
            await at(2.5)
            assert waiting.media.bridge is not None, "now it is the waiting caller's turn"
            for leg in centre.callers:
                leg.go()

    run(call())


# --- faults of ours


def test_an_agent_who_cannot_be_joined_costs_the_caller_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object) -> None:
        raise MediaError("no room for orders")

    async def call() -> None:
        async with exchange(FLOWS) as centre:
            monkeypatch.setattr(FakeEngine, "open_bridge", fail)
            caller = await talking(centre)
            agent = centre.endpoint.to("1001")
            assert agent.did == ["BYE"]
            assert caller.media.prompts[-1] == "Goodbye."
            visits = [e.exit_taken for e in centre.told(FlowNodeEntered) if e.node == "wait"]
            assert visits, "the flow went on"
            await at(12)
            assert centre.state(ANNA) == "available"
            assert centre.told(WorkAbandoned) == []

    run(call())


def test_without_music_those_who_wait_do_so_in_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    async def no_music(*_: object) -> None:
        raise MediaError("the folder is gone")

    async def call() -> None:
        async with exchange(FLOWS) as centre:
            monkeypatch.setattr(FakePrompts, "music", no_music)
            caller = await talking(centre)
            assert caller.media.bridge is not None
            caller.offer("sendonly")
            caller.bye()

    run(call())


# --- keys


def test_keys_reach_a_party_without_telephone_events_by_info() -> None:
    def old_phone(leg: FakeCallee) -> None:
        leg.answer(sdp(port=41_000, events=False))

    async def call() -> None:
        async with exchange(FLOWS) as centre:
            centre.endpoint.behaviour["1004"] = old_phone
            centre.register("1004")
            caller = centre.call("1004", user="1003")
            await at(0.2)
            caller.press("5")
            callee = centre.endpoint.to("1004")
            assert callee.infos == [("application/dtmf-relay", b"Signal=5\r\nDuration=120\r\n")]
            assert callee.media.digits_sent == []
            callee.press("6")
            assert caller.media.digits_sent == ["6"]
            assert caller.infos == []
            caller.bye()

    run(call())


# --- voicemail


def test_silence_ends_a_message() -> None:
    async def call() -> None:
        async with exchange(FLOWS) as centre:
            caller = centre.call("5002")
            await at(20)
            assert centre.told(RecordingStored) == [], "somebody speaks"
            caller.media.loudness = 50
            await at(10)
            [stored] = centre.told(RecordingStored)
            assert stored.duration_ms == pytest.approx(28_000, abs=1_500)
            await at(2)

    run(call())


# --- announcements


def test_nobody_is_told_a_worse_place_than_before() -> None:
    async def call() -> None:
        async with exchange(FLOWS, queues=(sales_queue(),)) as centre:
            caller = centre.call("5001")
            await at(35)
            urgent = centre.call("5004")
            await at(60)
            said = [name for name in caller.media.prompts if name != "music"]
            assert said[0] == "You are next."
            assert all(name.startswith("Thank you for waiting.") for name in said[1:])
            assert len(said) == 3
            urgent.bye()
            await at(31)
            assert [n for n in caller.media.prompts if n != "music"][-1] == "You are next."
            caller.bye()

    run(call())


# --- who calls


def test_a_withheld_number_stays_so() -> None:
    async def call() -> None:
        async with exchange(FLOWS) as centre:
            centre.register("1002")
            centre.available(BEN)
            caller = centre.call("5001", caller="anonymous")
            await at(0.1)
            [started] = centre.told(CallStarted)
            assert started.caller == ""
            shown = centre.endpoint.to("1002").from_
            assert shown.uri.user == "anonymous"
            assert shown.uri.host == "anonymous.invalid"
            assert shown.display == "sales: withheld number"
            caller.bye()
            await at(0.1)
            assert [e.cause for e in centre.told(CallEnded)] == ["caller_hung_up"]

    run(call())
