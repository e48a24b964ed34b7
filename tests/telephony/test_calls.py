"""Calls through flows, queues and phones, with everything outside of them made up."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from media.engine import MediaFlow
from media.errors import MediaError
from routing.events import OfferFailed, Outcome, WorkAbandoned
from telephony.calls.call import Choice
from telephony.errors import UnknownPhone
from telephony.events import (
    CallAnswered,
    CallEnded,
    CallStarted,
    CallTransferred,
    Direction,
    FlowNodeEntered,
    LegEnded,
    LegHeld,
    LegResumed,
    LegsBridged,
    RecordingKind,
    RecordingStored,
)
from tests.support.fake_calls import (
    ANNA,
    BEN,
    Exchange,
    FakeCaller,
    FakePrompts,
    answers_after,
    exchange,
    refuses,
    sales_queue,
    sdp,
)
from tests.support.registrations import OTHER_TENANT, TENANT
from tests.support.virtual_time import run_virtual


def say(text: str) -> list[dict[str, str]]:
    return [{"say": text}]


def flow(start: str, **nodes: dict[str, Any]) -> dict[str, Any]:
    return {"name": "test", "start": start, "nodes": nodes}


BYE = {"kind": "hangup", "prompts": say("Goodbye.")}
FLOWS = {
    "5000": flow(
        "menu",
        menu={
            "kind": "menu",
            "prompts": say("Press one or two."),
            "choices": {"1": "one", "2": "two"},
            "tries": 2,
            "silent_prompts": say("Nothing heard."),
            "timeout": "silent",
            "invalid": "wrong",
        },
        one={"kind": "play", "prompts": say("One."), "next": "bye"},
        two={"kind": "play", "prompts": say("Two."), "next": "bye"},
        silent={"kind": "hangup", "prompts": say("Silent.")},
        wrong={"kind": "hangup", "prompts": say("Wrong.")},
        bye=BYE,
    ),
    "5001": flow(
        "wait",
        wait={"kind": "queue", "queue": "sales", "timeout": "bye", "full": "full"},
        bye=BYE,
        full={"kind": "hangup", "prompts": say("Full.")},
    ),
    "5002": flow(
        "mail",
        mail={
            "kind": "voicemail",
            "mailbox": "sales",
            "prompts": say("Speak."),
            "max_seconds": 30,
            "next": "bye",
        },
        bye=BYE,
    ),
    "5003": flow(
        "pass",
        **{"pass": {"kind": "transfer", "target": "1003", "ring_seconds": 10, "failed": "bye"}},
        bye=BYE,
    ),
    "5004": flow(
        "echo", echo={"kind": "echo", "prompts": say("Echo."), "max_seconds": 60, "next": "bye"},
        bye=BYE,
    ),
    "5005": flow(
        "pin",
        pin={
            "kind": "gather",
            "variable": "pin",
            "prompts": say("Your number."),
            "next": "read",
            "timeout": "bye",
            "invalid": "bye",
        },
        read={"kind": "play", "prompts": say("You typed {pin}."), "next": "bye"},
        bye=BYE,
    ),
}  # fmt: skip
at = asyncio.sleep


def run(main: Coroutine[Any, Any, None]) -> None:
    run_virtual(main)


def only_call(centre: Exchange) -> str:
    [snapshot] = centre.switchboard.calls()
    return snapshot.state


# --- flows


def test_a_flow_answers_and_greets() -> None:
    async def call() -> None:
        async with exchange(FLOWS) as centre:
            caller = centre.call("5000")
            assert caller.did == ["200"]
            assert b"m=audio" in caller.our_sdp
            await at(0.1)
            assert caller.media.hears == "Press one or two."
            assert only_call(centre) == "flow"
            [seen] = centre.switchboard.calls(TENANT)
            assert (seen.caller, seen.called, seen.direction) == ("0301234", "5000", "inbound")
            assert centre.switchboard.calls(OTHER_TENANT) == ()
            caller.bye()
            await at(0.1)
            assert centre.causes == ["caller_hung_up"]
            assert len(centre.told(CallAnswered)) == 1

    run(call())


def test_a_key_cuts_the_prompt_and_chooses() -> None:
    async def call() -> None:
        async with exchange(FLOWS) as centre:
            caller = centre.call("5000")
            await at(0.5)
            caller.press("2")
            await at(4)
            assert caller.media.prompts == ["Press one or two.", "Two.", "Goodbye."]
            assert caller.media.heard[1][0] < 0.6
            assert centre.causes == ["flow_ended"]
            assert caller.did == ["200", "BYE"]
            assert [e.node for e in centre.told(FlowNodeEntered)] == ["menu", "two", "bye"]

    run(call())


def test_f02_choices_in_menus_are_remembered_in_words() -> None:
    async def call() -> None:
        async with exchange(FLOWS) as centre:
            caller = centre.call("5000")
            await at(0.5)
            caller.press("2")
            await at(0.6)
            [seen] = centre.switchboard.calls(TENANT)
            assert seen.choices == (Choice("menu", "2", "two"),)
            caller.bye()
            await at(0.7)

    run(call())


def test_keys_typed_ahead_count() -> None:
    async def call() -> None:
        async with exchange(FLOWS) as centre:
            caller = centre.call("5005")
            caller.press("42#")
            await at(4)
            assert caller.media.prompts == ["You typed 42.", "Goodbye."]

    run(call())


@pytest.mark.parametrize(
    ("keys", "heard"),
    [
        ((), ["Press one or two.", "Nothing heard. | Press one or two.", "Silent."]),
        (
            (1.5, 5.0),
            [
                "Press one or two.",
                "Sorry, that is not one of the choices. | Press one or two.",
                "Wrong.",
            ],
        ),
    ],
)
def test_silent_and_wrong_tries(keys: tuple[float, ...], heard: list[str]) -> None:
    async def call() -> None:
        async with exchange(FLOWS) as centre:
            caller = centre.call("5000")
            for moment in keys:
                asyncio.get_running_loop().call_at(moment, caller.press, "9")
            await at(20)
            assert caller.media.prompts == heard

    run(call())


def test_dtmf_by_info() -> None:
    async def call() -> None:
        async with exchange(FLOWS) as centre:
            caller = centre.call("5000")
            await at(0.5)
            party = caller.party
            assert party.leg_info("application/dtmf-relay", b"Signal=1\r\nDuration=160\r\n") == 200
            assert party.leg_info("text/plain", b"1") == 415
            assert party.leg_info("application/dtmf", b"") == 200
            await at(3)
            assert caller.media.prompts[1] == "One."

    run(call())


def test_a_prompt_that_cannot_be_made_does_not_end_the_call() -> None:
    document = flow(
        "play",
        play={"kind": "play", "prompts": [{"file": "missing.wav"}, {"say": "Hi."}], "next": "bye"},
        bye=BYE,
    )

    async def call() -> None:
        async with exchange({"5000": document}) as centre:
            caller = centre.call("5000")
            await at(3)
            assert caller.media.prompts == ["Hi.", "Goodbye."]

    run(call())


# --- queues


def test_waiting_with_music_and_announcements() -> None:
    async def call() -> None:
        async with exchange(FLOWS) as centre:
            first, second = centre.call("5001"), centre.call("5001")
            await at(70)
            assert [n for n in first.media.prompts if n != "music"] == ["You are next."] * 2
            assert second.media.prompts[1] == "You are number 2 in the queue."
            assert second.media.hears == "music"
            moments = [t for t, name in first.media.heard if name == "You are next."]
            assert moments == [pytest.approx(30, abs=0.1), pytest.approx(61, abs=0.2)]
            first.bye()
            second.bye()
            await at(0.1)
            assert len(centre.told(WorkAbandoned)) == 2

    run(call())


def test_an_agent_cuts_the_announcement_short() -> None:
    async def call() -> None:
        async with exchange(FLOWS) as centre:
            centre.register("1001")
            caller = centre.call("5001")
            await at(30.3)
            assert caller.media.hears == "You are next."
            centre.available(ANNA)
            await at(0.1)
            centre.endpoint.to("1001").answer()
            await at(0.1)
            assert caller.media.hears == ""
            assert caller.media.bridge is not None
            caller.bye()

    run(call())


def test_no_announcements() -> None:
    async def call() -> None:
        queues = (sales_queue(announce_every_seconds=0),)
        async with exchange(FLOWS, queues=queues) as centre:
            caller = centre.call("5001")
            await at(300)
            assert caller.media.prompts == ["music"]
            caller.bye()

    run(call())


async def talking(centre: Exchange) -> FakeCaller:
    """A caller whom Anna answered after a second."""
    centre.endpoint.behaviour["1001"] = answers_after(1.0)
    centre.register("1001")
    centre.available(ANNA)
    caller = centre.call("5001")
    await at(1.5)
    assert only_call(centre) == "talking"
    return caller


@pytest.mark.parametrize("who", ["caller", "agent"])
def test_a_talk_from_beginning_to_end(who: str) -> None:
    async def call() -> None:
        async with exchange(FLOWS) as centre:
            caller = await talking(centre)
            agent = centre.endpoint.to("1001")
            assert caller.media.bridge is not None
            assert caller.media.bridge.legs == {caller.media, agent.media}
            assert agent.from_.display == "sales: 0301234"
            [recording] = centre.engine.recordings
            assert (recording.left, recording.right) == (caller.media, agent.media)
            assert centre.state(ANNA) == "engaged"
            [seen] = centre.switchboard.calls()
            assert seen.agent_id == ANNA.id
            await at(10)
            (caller if who == "caller" else agent).bye()
            await at(0.1)
            assert centre.state(ANNA) == "wrap_up"
            assert (agent if who == "caller" else caller).did[-1] == "BYE"
            assert centre.causes == [f"{who}_hung_up"]
            assert len(centre.told(LegEnded)) == 2
            assert len(centre.told(LegsBridged)) == 1
            [stored] = centre.told(RecordingStored)
            assert (stored.kind, stored.channels, stored.complete) == (RecordingKind.CALL, 2, True)
            await at(10.5)
            assert centre.state(ANNA) == "available"

    run(call())


@pytest.mark.parametrize(
    ("status", "outcome"),
    [(486, Outcome.REFUSED), (603, Outcome.REFUSED), (404, Outcome.FAILED), (408, Outcome.FAILED)],
)
def test_an_agent_who_does_not_take_the_call(status: int, outcome: Outcome) -> None:
    async def call() -> None:
        async with exchange(FLOWS) as centre:
            centre.endpoint.behaviour["1001"] = refuses(status)
            centre.register("1001")
            centre.available(ANNA)
            caller = centre.call("5001")
            await at(1)
            assert [e.outcome for e in centre.told(OfferFailed)][:1] == [outcome]
            assert caller.media.hears == "music"
            caller.bye()

    run(call())


def test_a_phone_that_is_gone_when_it_should_ring() -> None:
    async def call() -> None:
        async with exchange(FLOWS) as centre:
            centre.dispatcher.set_reachable(ANNA.id, True)
            centre.available(ANNA)
            caller = centre.call("5001")
            await at(1)
            assert [e.outcome for e in centre.told(OfferFailed)] == [Outcome.FAILED]
            assert centre.endpoint.legs == []
            caller.bye()

    run(call())


def test_an_agent_who_does_not_answer_in_time() -> None:
    async def call() -> None:
        async with exchange(FLOWS) as centre:
            centre.endpoint.behaviour["1002"] = answers_after(1)
            centre.register("1001")
            centre.available(ANNA)
            caller = centre.call("5001")
            await at(19)
            assert centre.state(ANNA) == "offered"
            centre.register("1002")
            centre.available(BEN)
            await at(1.5)
            assert centre.endpoint.to("1001").did == ["CANCEL"]
            assert [e.outcome for e in centre.told(OfferFailed)] == [Outcome.NO_ANSWER]
            assert centre.state(ANNA) == "not_responding"
            await at(2)
            assert centre.state(BEN) == "engaged"
            caller.bye()

    run(call())


def test_the_caller_hangs_up_while_an_agent_is_rung() -> None:
    async def call() -> None:
        async with exchange(FLOWS) as centre:
            centre.register("1001")
            centre.available(ANNA)
            caller = centre.call("5001")
            await at(5)
            caller.bye()
            await at(0.1)
            assert centre.endpoint.to("1001").did == ["CANCEL"]
            assert centre.state(ANNA) == "available"
            assert len(centre.told(WorkAbandoned)) == 1

    run(call())


@pytest.mark.parametrize("first", ["caller", "agent"])
def test_answer_and_hang_up_in_the_same_moment(first: str) -> None:
    async def call() -> None:
        async with exchange(FLOWS) as centre:
            centre.register("1001")
            centre.available(ANNA)
            caller = centre.call("5001")
            await at(5)
            agent = centre.endpoint.to("1001")
            steps = [caller.bye, agent.answer]
            for step in steps if first == "caller" else reversed(steps):
                step()
            await at(0.1)
            assert agent.is_over
            assert len(centre.switchboard) == 0
            assert centre.state(ANNA) in ("available", "wrap_up")

    run(call())


def test_the_first_of_several_phones_gets_the_call() -> None:
    async def call() -> None:
        async with exchange(FLOWS) as centre:
            centre.register("1001")
            centre.register_again("1001")
            centre.available(ANNA)
            caller = centre.call("5001")
            await at(1)
            one, two = centre.endpoint.legs
            two.answer()
            await at(0.1)
            assert one.did == ["CANCEL"]
            assert caller.media.bridge is not None
            assert two.media in caller.media.bridge.legs
            caller.bye()

    run(call())


def test_the_shorter_limit_of_the_wait_counts() -> None:
    async def call(of_queue: float | None, of_flow: float | None) -> float:
        wait: dict[str, Any] = {"kind": "queue", "queue": "sales", "timeout": "bye"}
        if of_flow is not None:
            wait["max_wait_seconds"] = of_flow
        document = flow("wait", wait=wait, bye=BYE)
        queues = (sales_queue(max_wait_seconds=of_queue),)
        async with exchange({"5001": document}, queues=queues) as centre:
            caller = centre.call("5001")
            await at(100)
            assert centre.causes == ["flow_ended"]
            return next(t for t, name in caller.media.heard if name == "Goodbye.")

    assert run_virtual(call(None, 20)) == pytest.approx(20, abs=0.1)
    assert run_virtual(call(10, 20)) == pytest.approx(10, abs=0.1)
    assert run_virtual(call(20, 10)) == pytest.approx(10, abs=0.1)
    assert run_virtual(call(15, None)) == pytest.approx(15, abs=0.1)


def test_the_wait_ends_while_an_agent_is_rung() -> None:
    async def call() -> None:
        queues = (sales_queue(max_wait_seconds=10),)
        async with exchange(FLOWS, queues=queues) as centre:
            centre.register("1001")
            centre.available(ANNA)
            caller = centre.call("5001")
            await at(10.5)
            assert centre.endpoint.to("1001").did == ["CANCEL"]
            assert caller.media.hears == "Goodbye."
            assert centre.state(ANNA) == "available"
            assert centre.told(WorkAbandoned) == []
            await at(2)

    run(call())


@pytest.mark.parametrize("after", range(-12, 13))
def test_the_agent_answers_in_the_moment_the_wait_ends(after: int) -> None:
    async def call() -> None:
        async with exchange(FLOWS, queues=(sales_queue(max_wait_seconds=10),)) as centre:
            centre.register("1001")
            centre.available(ANNA)
            caller = centre.call("5001")
            await at(9)
            agent = centre.endpoint.to("1001")
            asyncio.get_running_loop().call_at(10.02 + after / 1_000, agent.answer)
            await at(1.5)
            # Either both talk, or the agent is let go: nobody listens to silence.
            assert agent.is_over is (caller.media.bridge is None)
            caller.bye()

    run(call())


def test_without_speech_callers_wait_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(self: FakePrompts, text: str) -> None:
        raise MediaError("no voice")

    monkeypatch.setattr(FakePrompts, "say", broken)

    async def call() -> None:
        async with exchange(FLOWS) as centre:
            caller = centre.call("5001")
            await at(65)
            assert only_call(centre) == "queued"
            assert caller.media.hears == "music"
            caller.bye()
            await at(0.1)
            centre.register("1001")
            toggling = centre.call("*45", user="1001")
            await at(1)
            assert toggling.did == ["200", "BYE"]
            assert centre.state(ANNA) == "available"
            assert centre.causes[-1] == "flow_ended"

    run(call())


def test_a_full_queue_and_a_queue_that_is_taken_away() -> None:
    async def call() -> None:
        async with exchange(FLOWS, queues=(sales_queue(max_waiting=1),)) as centre:
            first, second = centre.call("5001"), centre.call("5001")
            await at(1)
            assert second.media.prompts == ["Full."]
            centre.dispatcher.configure([], [ANNA, BEN])
            await at(0.5)
            assert first.media.hears == "Goodbye."
            await at(2)

    run(call())


# --- in a talk


def test_hold_and_resume() -> None:
    async def call() -> None:
        async with exchange(FLOWS) as centre:
            caller = await talking(centre)
            agent = centre.endpoint.to("1001")
            agent.offer("sendonly")
            await at(0.1)
            assert caller.media.hears == "music"
            assert agent.media.hears == ""
            assert agent.media.stream is not None
            assert agent.media.stream.flow is MediaFlow.RECVONLY
            [seen] = centre.switchboard.calls()
            assert [leg.is_held for leg in seen.legs] == [False, True]
            agent.fall_silent()  # on hold it may
            await at(0.1)
            agent.offer("sendrecv")
            await at(0.1)
            assert caller.media.hears == ""
            assert (len(centre.told(LegHeld)), len(centre.told(LegResumed))) == (1, 1)
            caller.bye()

    run(call())


def test_an_agent_who_meets_a_caller_on_hold_hears_music() -> None:
    async def call() -> None:
        async with exchange(FLOWS) as centre:
            centre.endpoint.behaviour["1001"] = answers_after(1.0)
            centre.register("1001")
            caller = centre.call("5001")
            await at(1)
            caller.offer("sendonly")
            centre.available(ANNA)
            await at(2)
            agent = centre.endpoint.to("1001")
            assert agent.media.hears == "music"
            caller.offer("sendrecv")
            assert agent.media.hears == ""
            caller.bye()

    run(call())


def test_music_ends_with_the_talk() -> None:
    async def call() -> None:
        async with exchange(FLOWS) as centre:
            caller = await talking(centre)
            agent = centre.endpoint.to("1001")
            caller.offer("inactive")
            await at(0.1)
            assert agent.media.hears == "music"
            caller.bye()
            await at(0.1)
            assert agent.media.hears == ""

    run(call())


def test_keys_are_passed_on() -> None:
    async def call() -> None:
        async with exchange(FLOWS) as centre:
            caller = await talking(centre)
            agent = centre.endpoint.to("1001")
            caller.press("12")
            agent.press("#")
            assert agent.media.digits_sent == ["1", "2"]
            assert caller.media.digits_sent == ["#"]
            caller.bye()

    run(call())


def test_no_media_ends_the_call() -> None:
    async def call() -> None:
        async with exchange(FLOWS) as centre:
            caller = await talking(centre)
            caller.fall_silent()
            await at(0.1)
            assert centre.causes == ["media_timeout"]
            assert caller.did[-1] == "BYE"
            assert centre.endpoint.to("1001").did == ["BYE"]

    run(call())


# --- transfer, voicemail, echo


def test_transfer() -> None:
    async def call() -> None:
        async with exchange(FLOWS) as centre:
            centre.endpoint.behaviour["1003"] = answers_after(2)
            centre.register("1003")
            caller = centre.call("5003")
            await at(1)
            assert caller.media.hears == "music"
            await at(2)
            assert caller.media.hears == ""
            assert [e.target for e in centre.told(CallTransferred)] == ["1003"]
            assert caller.media.bridge is not None
            assert centre.engine.recordings == []
            centre.endpoint.to("1003").bye()
            await at(0.1)
            assert caller.did[-1] == "BYE"

    run(call())


@pytest.mark.parametrize("way", ["busy", "silent", "unregistered"])
def test_transfer_that_fails_takes_its_exit(way: str) -> None:
    async def call() -> None:
        async with exchange(FLOWS) as centre:
            if way == "busy":
                centre.endpoint.behaviour["1003"] = refuses(486)
            if way != "unregistered":
                centre.register("1003")
            caller = centre.call("5003")
            await at(11)
            assert caller.media.prompts[-1] == "Goodbye."
            assert centre.told(CallTransferred) == []
            await at(2)
            if way == "silent":
                assert centre.endpoint.to("1003").did == ["CANCEL"]

    run(call())


@pytest.mark.parametrize("end", ["#", "hang up", "too long"])
def test_voicemail(end: str) -> None:
    async def call() -> None:
        async with exchange(FLOWS) as centre:
            caller = centre.call("5002")
            await at(5)
            assert caller.media.prompts == ["Speak.", "beep"]
            [recording] = centre.engine.recordings
            assert (recording.left, recording.right) == (caller.media, None)
            if end == "#":
                caller.press("5#")
            elif end == "hang up":
                caller.bye()
            else:
                await at(30)
            await at(0.1)
            [stored] = centre.told(RecordingStored)
            assert (stored.kind, stored.channels) == (RecordingKind.VOICEMAIL, 1)
            assert (caller.media.prompts[-1] == "Goodbye.") is (end != "hang up")
            await at(2)

    run(call())


def test_hanging_up_before_the_beep_leaves_no_message() -> None:
    async def call() -> None:
        async with exchange(FLOWS) as centre:
            caller = centre.call("5002")
            await at(0.5)
            caller.bye()
            await at(0.1)
            assert centre.engine.recordings == []

    run(call())


def test_echo() -> None:
    async def call() -> None:
        async with exchange(FLOWS) as centre:
            caller = centre.call("5004")
            await at(2)
            leg = caller.media
            assert leg.bridge is not None
            assert leg.bridge.gains == {(leg, leg): 0.0}
            caller.press("1")
            await at(0.5)
            assert [bridge for bridge in centre.engine.bridges if bridge.is_open] == []
            assert leg.hears == "Goodbye."
            await at(2)

    run(call())


# --- phones


def test_toggling_availability_from_the_phone() -> None:
    async def call() -> None:
        async with exchange(FLOWS) as centre:
            centre.register("1001")
            heard = []
            for _ in range(3):
                caller = centre.call("*45", user="1001")
                await at(2)
                heard.append(caller.media.prompts)
                assert caller.did == ["200", "BYE"]
            assert heard == [["You are available."], ["You are away."], ["You are available."]]
            assert centre.state(ANNA) == "available"
            stranger = centre.call("*45", user="1003")
            await at(2)
            assert stranger.media.prompts == ["This phone belongs to no agent."]

    run(call())


def test_phone_to_phone() -> None:
    async def call() -> None:
        async with exchange(FLOWS) as centre:
            centre.endpoint.behaviour["1003"] = answers_after(2)
            centre.register("1001", "1003")
            centre.available(ANNA)
            caller = centre.call("1003", user="1001")
            await at(1)
            assert caller.did == ["180"]
            assert centre.dispatcher.queues()[0].agents_available == 0
            await at(2)
            assert caller.did == ["180", "200"]
            assert caller.media.bridge is not None
            assert centre.engine.recordings == []
            centre.endpoint.to("1003").bye()
            await at(0.1)
            assert centre.causes == ["target_hung_up"]
            assert caller.did[-1] == "BYE"
            assert centre.dispatcher.queues()[0].agents_available == 1
            [started] = centre.told(CallStarted)
            assert started.direction is Direction.INTERNAL

    run(call())


@pytest.mark.parametrize(
    ("called", "status"), [("1003", 486), ("1004", 480), ("nobody", 404), ("sip:x", 404)]
)
def test_phone_to_somebody_who_does_not_answer(called: str, status: int) -> None:
    async def call() -> None:
        async with exchange(FLOWS) as centre:
            centre.endpoint.behaviour["1003"] = refuses(486)
            centre.register("1001", "1003")
            caller = centre.call(called, user="1001")
            await at(2)
            assert caller.did == ["180", str(status)]
            assert [(e.cause, e.sip_status) for e in centre.told(CallEnded)] == [
                ("refused", status)
            ]
            assert centre.told(CallAnswered) == []

    run(call())


def test_phone_to_a_phone_that_never_answers() -> None:
    async def call() -> None:
        async with exchange(FLOWS) as centre:
            centre.register("1001", "1003")
            caller = centre.call("1003", user="1001")
            await at(60)
            assert centre.endpoint.to("1003").did == ["CANCEL"]
            assert caller.did[0] == "180"
            assert caller.did[1] in ("480", "408")

    run(call())


def test_a_phone_gives_up() -> None:
    async def call() -> None:
        async with exchange(FLOWS) as centre:
            centre.register("1001", "1003")
            caller = centre.call("1003", user="1001")
            await at(3)
            caller.cancel()
            await at(0.1)
            assert centre.endpoint.to("1003").did == ["CANCEL"]
            assert caller.did == ["180", "487"]

    run(call())


def test_the_called_phone_wants_no_codec_of_ours() -> None:
    async def call() -> None:
        async with exchange(FLOWS) as centre:
            centre.register("1001", "1003")
            caller = centre.call("1003", user="1001")
            await at(1)
            centre.endpoint.to("1003").answer(sdp(codec=18))
            await at(0.1)
            assert centre.endpoint.to("1003").did == ["BYE"]
            assert caller.did == ["180", "488"]

    run(call())


def test_a_phone_calls_the_outside() -> None:
    async def call() -> None:
        async with exchange(FLOWS) as centre:
            centre.endpoint.behaviour["+49301234567"] = answers_after(1)
            centre.register("1001")
            caller = centre.call("+49301234567", user="1001")
            await at(2)
            assert centre.endpoint.legs[0].target.host == "provider.example"
            [started] = centre.told(CallStarted)
            assert started.direction is Direction.OUTBOUND
            caller.bye()

    run(call())


def test_a04_call_to_the_outside_skips_a_trunk_that_is_down() -> None:
    async def call() -> None:
        async with exchange(FLOWS, second="sip:second.example") as centre:
            centre.down.add("provider")
            centre.endpoint.behaviour["+49301234567"] = answers_after(1)
            caller = centre.call("+49301234567", user="1001")
            await at(2)
            assert [leg.target.host for leg in centre.endpoint.legs] == ["second.example"]
            caller.bye()

    run(call())


def test_a04_call_to_the_outside_is_refused_when_every_trunk_is_down() -> None:
    async def call() -> None:
        async with exchange(FLOWS, second="sip:second.example") as centre:
            centre.down |= {"provider", "second"}
            caller = centre.call("+49301234567", user="1001")
            await at(1)
            assert centre.endpoint.legs == []
            assert caller.did == ["180", "503"]
            [ended] = centre.told(CallEnded)
            assert (ended.cause, ended.sip_status) == ("trunk_down", 503)

    run(call())


def test_phone_to_a_flow_keeps_its_agent_busy() -> None:
    async def call() -> None:
        async with exchange(FLOWS) as centre:
            centre.register("1001")
            centre.available(ANNA)
            caller = centre.call("5000", user="1001")
            await at(0.5)
            assert centre.dispatcher.queues()[0].agents_available == 0
            caller.bye()
            await at(0.1)
            assert centre.dispatcher.queues()[0].agents_available == 1

    run(call())


# --- refusals


@pytest.mark.parametrize("called", ["1001", "9999", "*45"])
def test_a_trunk_reaches_numbers_only(called: str) -> None:
    async def call() -> None:
        async with exchange(FLOWS) as centre:
            centre.register("1001")
            caller = centre.call(called)
            await at(0.1)
            assert caller.did == ["404"]
            assert centre.endpoint.legs == []
            assert centre.causes == ["refused"]

    run(call())


def test_no_codec_in_common_and_nonsense() -> None:
    async def call() -> None:
        async with exchange(FLOWS) as centre:
            assert centre.call("5000", offer=sdp(codec=18)).did == ["488"]
            assert centre.call("5000", offer=b"nonsense").did == ["400"]
            await at(0.1)
            assert [e.sip_status for e in centre.told(CallEnded)] == [488, 400]

    run(call())


@pytest.mark.parametrize("codec", [8, 18])
def test_a_caller_who_leaves_the_offer_to_us(codec: int) -> None:
    async def call() -> None:
        async with exchange(FLOWS) as centre:
            caller = centre.call("5000", delayed=True)
            assert b"m=audio" in caller.our_sdp
            caller.party.leg_acknowledged(sdp(codec=codec))
            await at(0.1)
            if codec == 18:
                assert caller.did == ["200", "BYE"]
                assert centre.causes == ["no_common_codec"]
            else:
                assert caller.media.stream is not None
                caller.bye()

    run(call())


def test_too_many_calls() -> None:
    async def call() -> None:
        async with exchange(FLOWS, max_calls=2) as centre:
            callers = [centre.call("5000")]
            assert not centre.switchboard.over_capacity()
            callers.append(centre.call("5000"))
            assert centre.switchboard.over_capacity()
            for caller in callers:
                caller.bye()
            await at(0.1)
            assert not centre.switchboard.over_capacity()

    run(call())


def test_no_room_for_media() -> None:
    async def call() -> None:
        async with exchange(FLOWS) as centre:
            centre.engine.most_legs = 0
            caller = centre.call("5000")
            assert caller.did == ["503"]
            assert ("Retry-After", "5") in caller.headers
            centre.engine.most_legs = 1
            centre.register("1001", "1003")
            second = centre.call("1003", user="1001")
            await at(0.1)
            assert second.did == ["180", "503"]

    run(call())


# --- REST


def test_originate() -> None:
    async def call() -> None:
        async with exchange(FLOWS) as centre:
            centre.endpoint.behaviour = {"1001": answers_after(1), "1003": answers_after(1)}
            centre.register("1001", "1003")
            with pytest.raises(UnknownPhone):
                centre.switchboard.originate(TENANT, "nobody", "1003")
            call_id = centre.switchboard.originate(TENANT, "1001", "1003")
            await at(3)
            [seen] = centre.switchboard.calls()
            assert (seen.id, seen.state, len(seen.legs)) == (call_id, "talking", 2)
            centre.endpoint.to("1003").bye()
            await at(0.1)
            assert centre.endpoint.to("1001").did == ["BYE"]
            assert centre.causes == ["target_hung_up"]

    run(call())


@pytest.mark.parametrize("way", ["unregistered", "busy", "silent", "target busy", "to a flow"])
def test_originate_otherwise(way: str) -> None:
    async def call() -> None:
        async with exchange(FLOWS) as centre:
            behaviour = {"busy": refuses(486), "silent": lambda leg: leg.ring()}
            centre.endpoint.behaviour["1001"] = behaviour.get(way, answers_after(1))
            centre.endpoint.behaviour["1003"] = refuses(486)
            centre.register("1003", *([] if way == "unregistered" else ["1001"]))
            centre.switchboard.originate(TENANT, "1001", "5000" if way == "to a flow" else "1003")
            await at(3)
            if way == "to a flow":
                assert centre.endpoint.to("1001").media.prompts[0] == "Press one or two."
                centre.endpoint.to("1001").bye()
                expected = "caller_hung_up"
            elif way == "silent":
                await at(45)
                expected = "no_answer"
            else:
                expected = "refused"
            await at(0.1)
            assert centre.causes == [expected]

    run(call())


def test_hang_up_by_rest() -> None:
    async def call() -> None:
        async with exchange(FLOWS) as centre:
            caller = await talking(centre)
            [seen] = centre.switchboard.calls()
            assert not centre.switchboard.hang_up(OTHER_TENANT, seen.id)
            assert centre.switchboard.hang_up(TENANT, seen.id)
            await at(0.1)
            assert not centre.switchboard.hang_up(TENANT, seen.id)
            assert caller.did[-1] == "BYE"
            assert centre.endpoint.to("1001").did == ["BYE"]
            assert centre.causes == ["supervisor"]

    run(call())


def test_draining_waits_and_then_ends_the_rest() -> None:
    async def call() -> None:
        async with exchange(FLOWS) as centre:
            staying = await talking(centre)
            going = centre.call("5000")
            loop = asyncio.get_running_loop()
            began = loop.time()
            loop.call_later(2, going.bye)
            await centre.switchboard.drain(10)
            assert loop.time() - began == pytest.approx(10, abs=0.2)
            assert len(centre.switchboard) == 0
            assert staying.did[-1] == "BYE"
            assert centre.causes == ["caller_hung_up", "shutdown"]
            assert len(centre.told(RecordingStored)) == 1
            began = loop.time()
            await centre.switchboard.drain(10)
            assert loop.time() == began

    run(call())


def test_registrations_are_told_and_make_agents_reachable() -> None:
    async def call() -> None:
        async with exchange(FLOWS) as centre:
            assert not centre.dispatcher.agent(ANNA.id).reachable
            centre.register("1001")
            assert centre.dispatcher.agent(ANNA.id).reachable
            assert len(centre.switchboard.registrations.phones(TENANT)["1001"]) == 1
            await at(36_001)
            assert not centre.dispatcher.agent(ANNA.id).reachable
            assert centre.switchboard.registrations.phones(TENANT)["1001"] == ()

    run(call())


def test_a_party_closes_once() -> None:
    async def call() -> None:
        async with exchange(FLOWS) as centre:
            caller = centre.call("5000")
            await at(0.1)
            party = caller.party
            closing = asyncio.gather(party.close("failed"), party.close("failed"))
            await closing
            centre.switchboard.hang_up(TENANT, centre.switchboard.calls()[0].id)
            await at(0.1)
            assert len(centre.told(LegEnded)) == 1

    run(call())
