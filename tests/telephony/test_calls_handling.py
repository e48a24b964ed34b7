"""What people can do with a call while it lasts: hold, mute, transfer, advice, supervision."""

import asyncio

import pytest

from telephony.calls import handling
from telephony.calls.audibility import Mode
from telephony.errors import NotPossible, UnknownTarget
from telephony.events import (
    CallTransferred,
    ConsultEnded,
    LegHeld,
    LegMuted,
    LegResumed,
    LegUnmuted,
    RecordingStored,
    SupervisionChanged,
    SupervisionEnded,
)
from telephony.sip.uri import SipUri
from tests.support.fake_calls import (
    ANNA,
    BEN,
    FakeLeg,
    answers_after,
    exchange,
    refuses,
)
from tests.support.registrations import TENANT
from tests.support.talks import FLOWS, Talk, asking, run, supervised, talking

at = asyncio.sleep


# --- hold and mute


def test_hold_from_a_button() -> None:
    async def then(talk: Talk) -> None:
        handling.hold(talk.call, talk.by, held=True)
        assert talk.heard() == set()
        assert talk.caller.media.hears == "music"
        [_, anna] = talk.call.snapshot().legs
        assert anna.is_held
        handling.hold(talk.call, talk.by, held=True)
        handling.hold(talk.call, talk.by, held=False)
        assert talk.heard() == {"ca", "ac"}
        assert talk.caller.media.hears == ""
        assert len(talk.centre.told(LegHeld)) == len(talk.centre.told(LegResumed)) == 1

    talking(then)


def test_mute() -> None:
    async def then(talk: Talk) -> None:
        handling.mute(talk.call, talk.by, muted=True)
        assert talk.heard() == {"ac"}
        assert talk.caller.media.hears == ""
        [_, anna] = talk.call.snapshot().legs
        assert anna.is_muted
        handling.mute(talk.call, talk.by, muted=False)
        assert talk.heard() == {"ca", "ac"}
        assert len(talk.centre.told(LegMuted)) == len(talk.centre.told(LegUnmuted)) == 1

    talking(then)


def test_nothing_can_be_done_while_nobody_talks() -> None:
    async def main() -> None:
        async with exchange(FLOWS) as centre:
            caller = centre.call("5001")
            await at(1)
            [call] = centre.switchboard._calls.values()
            with pytest.raises(NotPossible, match="Nobody talks"):
                handling.party_of(call, ANNA.id)
            caller.bye()

    run(main())


# --- transfer


def test_blind_transfer_frees_the_agent_at_once() -> None:
    async def then(talk: Talk) -> None:
        handling.pass_on(talk.call, talk.by, to="1003")
        await at(0.2)
        assert talk.anna.did == ["BYE"]
        assert talk.centre.state(ANNA) == "wrap_up"
        assert talk.caller.media.hears == "music"
        await at(1.2)
        target = talk.centre.endpoint.to("1003")
        assert talk.heard(t=target) == {"ct", "tc"}
        assert [e.target for e in talk.centre.told(CallTransferred)] == ["1003"]
        assert len(talk.centre.told(RecordingStored)) == 1
        assert len(talk.centre.engine.recordings) == 2, "what was recorded goes on being so"
        target.bye()
        await at(0.2)
        assert talk.centre.causes == ["target_hung_up"]

    talking(then)


def test_blind_transfer_to_a_phone_that_is_busy_comes_back() -> None:
    async def then(talk: Talk) -> None:
        talk.centre.endpoint.behaviour["1003"] = refuses(486)
        handling.pass_on(talk.call, talk.by, to="1003")
        await at(2)
        back = talk.centre.endpoint.to("1001")
        assert back is not talk.anna
        assert back.from_.display == "Returned: 0301234"
        assert talk.heard(b=back) == {"cb", "bc"}

    talking(then)


def test_blind_transfer_that_nobody_takes_is_said() -> None:
    async def then(talk: Talk) -> None:
        for user in ("1001", "1003"):
            talk.centre.endpoint.behaviour[user] = refuses(486)
        handling.pass_on(talk.call, talk.by, to="1003")
        await at(2)
        assert talk.caller.media.hears.startswith("Nobody can take your call")
        await at(2)
        assert talk.centre.causes == ["no_answer"]

    talking(then)


def test_transfer_to_a_flow_and_to_a_queue() -> None:
    async def then(talk: Talk) -> None:
        handling.pass_on(talk.call, talk.by, to="5009")
        await at(0.2)
        assert talk.caller.media.hears == "Hello."
        await at(3)
        assert talk.centre.causes == ["flow_ended"]

    talking(then)

    async def queue(talk: Talk) -> None:
        talk.centre.register("1002")
        talk.centre.available(BEN)
        talk.centre.endpoint.behaviour["1002"] = answers_after(1)
        handling.pass_on(talk.call, talk.by, queue="sales")
        await at(2)
        assert talk.heard(b=talk.centre.endpoint.to("1002")) == {"cb", "bc"}
        assert talk.centre.state(BEN) == "engaged"

    talking(queue)


@pytest.mark.parametrize(
    ("to", "queue", "words"),
    [
        ("nobody", "", "Nobody is reached"),
        ("1002", "", "not registered"),
        ("", "marketing", "no queue"),
    ],
)
def test_a_transfer_that_leads_nowhere_is_refused(to: str, queue: str, words: str) -> None:
    async def then(talk: Talk) -> None:
        with pytest.raises(UnknownTarget, match=words):
            handling.pass_on(talk.call, talk.by, to=to, queue=queue)
        assert talk.heard() == {"ca", "ac"}

    talking(then)


# --- advice


def test_advice_and_back() -> None:
    async def then(talk: Talk) -> None:
        asked = await asking(talk)
        assert [leg.mode for leg in talk.call.snapshot().legs] == ["talk", "aside", "aside"]
        [recording] = talk.centre.engine.recordings
        assert recording.others == set(), "what the caller does not hear is not recorded"
        handling.cancel(talk.call, talk.by)
        await at(0.2)
        assert asked.did == ["BYE"]
        assert talk.heard() == {"ca", "ac"}
        assert recording.others == {talk.anna.media}

    talking(then)


def test_ringing_is_heard_while_somebody_is_asked() -> None:
    async def then(talk: Talk) -> None:
        handling.consult(talk.call, talk.by, "1003")
        await at(0.1)
        assert talk.anna.media.hears != ""
        handling.cancel(talk.call, talk.by)
        await at(0.2)
        assert talk.centre.endpoint.to("1003").did == ["CANCEL"]
        assert talk.heard() == {"ca", "ac"}
        assert talk.anna.media.hears == ""
        assert [e.outcome for e in talk.centre.told(ConsultEnded)] == ["resumed"]

    talking(then)


@pytest.mark.parametrize("who", ["button", "hanging up"])
def test_advice_becomes_a_transfer(who: str) -> None:
    async def then(talk: Talk) -> None:
        asked = await asking(talk)
        if who == "button":
            handling.complete(talk.call, talk.by)
        else:
            talk.anna.bye()
        await at(0.3)
        assert talk.anna.is_over
        assert talk.heard(t=asked) == {"ct", "tc"}
        assert talk.caller.media.hears == ""
        assert talk.centre.state(ANNA) == "wrap_up"

    talking(then)


def test_advice_becomes_a_conference() -> None:
    async def then(talk: Talk) -> None:
        asked = await asking(talk)
        handling.conference(talk.call, talk.by)
        assert talk.heard(t=asked) == {"ca", "ac", "ct", "tc", "at", "ta"}
        [recording] = talk.centre.engine.recordings
        assert recording.others == {talk.anna.media, asked.media}
        asked.bye()
        await at(0.2)
        assert talk.heard() == {"ca", "ac"}
        assert recording.others == {talk.anna.media}

    talking(then)


def test_who_was_asked_hangs_up() -> None:
    async def then(talk: Talk) -> None:
        asked = await asking(talk)
        asked.bye()
        await at(0.2)
        assert talk.heard() == {"ca", "ac"}
        assert talk.caller.media.hears == ""
        [ended] = talk.centre.told(ConsultEnded)
        assert (ended.leg_id, ended.outcome) == (talk.by.id, "resumed")

    talking(then)


def test_who_is_asked_does_not_answer() -> None:
    async def then(talk: Talk) -> None:
        talk.centre.endpoint.behaviour["1003"] = refuses(486)
        handling.consult(talk.call, talk.by, "1003")
        await at(1)
        assert talk.heard() == {"ca", "ac"}
        assert [e.outcome for e in talk.centre.told(ConsultEnded)] == ["failed_486"]
        handling.consult(talk.call, talk.by, "1004")
        with pytest.raises(NotPossible, match="already"):
            handling.consult(talk.call, talk.by, "1003")
        with pytest.raises(NotPossible, match="answered"):
            handling.complete(talk.call, talk.by)

    talking(then)


def test_nobody_is_rung_any_more_for_a_talk_that_is_over() -> None:
    async def then(talk: Talk) -> None:
        handling.consult(talk.call, talk.by, "1003")
        await at(0.2)
        handling.pass_on(talk.call, talk.by, to="1004")
        await at(0.2)
        assert talk.centre.endpoint.to("1003").did == ["CANCEL"]
        await at(1.5)
        target = talk.centre.endpoint.to("1004")
        assert talk.heard(t=target) == {"ct", "tc"}
        handling.consult(talk.call, target.party, "1003")

    talking(then)


def test_the_caller_hangs_up_while_somebody_is_asked() -> None:
    async def then(talk: Talk) -> None:
        handling.consult(talk.call, talk.by, "1003")
        await at(0.5)
        talk.caller.bye()
        await at(0.3)
        assert talk.centre.endpoint.to("1003").did == ["CANCEL"]
        assert talk.centre.causes == ["caller_hung_up"]

    talking(then)


# --- supervision


def test_listen_whisper_barge_without_dialling_again() -> None:
    async def then(talk: Talk) -> None:
        sue = await supervised(talk, Mode.LISTEN)
        [recording] = talk.centre.engine.recordings
        assert talk.heard(s=sue) == {"ca", "ac", "sa", "sc"}
        handling.supervise(talk.call, talk.supervisor, Mode.WHISPER, talk.by)
        assert talk.heard(s=sue) == {"ca", "ac", "sa", "sc", "as"}
        assert recording.others == {talk.anna.media}, "the caller does not hear it"
        handling.supervise(talk.call, talk.supervisor, Mode.BARGE, talk.by)
        assert talk.heard(s=sue) == {"ca", "ac", "sa", "sc", "as", "cs"}
        assert recording.others == {talk.anna.media, sue.media}
        assert [e.mode for e in talk.centre.told(SupervisionChanged)] == [
            "listen",
            "whisper",
            "barge",
        ]
        assert [leg.mode for leg in talk.call.snapshot().legs] == ["talk", "talk", "barge"]
        handling.stop_supervising(talk.call, talk.supervisor)
        await at(0.2)
        assert sue.did == ["BYE"]
        assert talk.heard() == {"ca", "ac"}
        assert len(talk.centre.told(SupervisionEnded)) == 1
        assert len([leg for leg in talk.centre.endpoint.legs if leg.target.user == "1003"]) == 1

    talking(then)


def test_a_supervisors_phone_is_rung_once() -> None:
    async def then(talk: Talk) -> None:
        handling.supervise(talk.call, talk.supervisor, Mode.LISTEN, talk.by)
        await at(0.2)
        with pytest.raises(NotPossible, match="rung already"):
            handling.supervise(talk.call, talk.supervisor, Mode.BARGE, talk.by)
        await at(1.5)
        assert len([leg for leg in talk.centre.endpoint.legs if leg.target.user == "1003"]) == 1

    talking(then)


def test_a_supervisor_hangs_up_and_nobody_notices() -> None:
    async def then(talk: Talk) -> None:
        sue = await supervised(talk, Mode.WHISPER)
        sue.bye()
        await at(0.2)
        assert talk.heard() == {"ca", "ac"}
        [ended] = talk.centre.told(SupervisionEnded)
        assert ended.leg_id == sue.party.id

    talking(then)


@pytest.mark.parametrize("who", ["agent", "caller"])
def test_g10_one_hangs_up_while_a_supervisor_listens(who: str) -> None:
    async def then(talk: Talk) -> None:
        sue = await supervised(talk, Mode.LISTEN)
        (talk.anna if who == "agent" else talk.caller).bye()
        await at(0.3)
        assert sue.is_over
        assert talk.centre.causes == [f"{who}_hung_up"]
        assert [e.leg_id for e in talk.centre.told(SupervisionEnded)] == [sue.party.id]

    talking(then)


def test_take_over() -> None:
    async def then(talk: Talk) -> None:
        with pytest.raises(NotPossible, match="Listen"):
            handling.take_over(talk.call, talk.supervisor, talk.by)
        sue = await supervised(talk, Mode.LISTEN)
        handling.take_over(talk.call, talk.supervisor, talk.by)
        await at(0.3)
        assert talk.anna.did == ["BYE"]
        assert talk.heard(s=sue) == {"cs", "sc"}
        assert talk.centre.state(ANNA) == "wrap_up"
        assert len(talk.centre.told(SupervisionEnded)) == 1

    talking(then)


def test_supervision_needs_a_phone_and_a_talk() -> None:
    async def then(talk: Talk) -> None:
        with pytest.raises(NotPossible, match="do not take part"):
            handling.stop_supervising(talk.call, talk.supervisor)
        phone = talk.centre.context.directory.phone(TENANT, "1002")
        assert phone is not None
        with pytest.raises(UnknownTarget, match="not registered"):
            handling.supervise(talk.call, phone, Mode.LISTEN, talk.by)
        with pytest.raises(NotPossible, match="does not talk"):
            handling.party_of(talk.call, BEN.id)

    talking(then)


# --- calls between phones


@pytest.mark.parametrize("by", ["caller", "called"])
def test_either_side_of_a_call_between_phones_can_pass_the_other_on(by: str) -> None:
    async def main() -> None:
        async with exchange(FLOWS) as centre:
            for user in ("1003", "1004"):
                centre.endpoint.behaviour[user] = answers_after(0.5)
            centre.register("1001", "1003", "1004")
            caller = centre.call("1003", user="1001")
            await at(1)
            called = centre.endpoint.to("1003")
            [call] = centre.switchboard._calls.values()
            leaving, stays = (caller, called) if by == "caller" else (called, caller)
            handling.pass_on(call, leaving.party, to="1004")
            await at(1)
            assert leaving.did[-1] == "BYE"
            target = centre.endpoint.to("1004")
            assert stays.media.bridge is not None
            assert stays.media.bridge.legs == {stays.media, target.media}
            stays.bye()
            await at(0.2)
            assert target.did == ["BYE"]
            assert len(centre.switchboard) == 0

    run(main())


@pytest.mark.parametrize("after", [0.0, 0.002, 0.007])
def test_the_calling_agents_phone_hangs_up_at_once_after_passing_the_other_on(after: float) -> None:
    async def main() -> None:
        async with exchange(FLOWS) as centre:
            for user in ("1003", "1004"):
                centre.endpoint.behaviour[user] = answers_after(0.5)
            centre.register("1001", "1003", "1004")
            caller = centre.call("1003", user="1001")
            await at(1)
            assert caller.party.leg_referred(SipUri.parse("sip:1004@x"), None) == 202
            if after:
                await at(after)
            caller.bye()
            await at(1)
            first, second = centre.endpoint.to("1003"), centre.endpoint.to("1004")
            assert first.media.bridge is not None
            assert first.media.bridge.legs == {first.media, second.media}
            first.bye()
            await at(0.2)
            assert second.did == ["BYE"]

    run(main())


def test_the_calling_agent_hangs_up_after_asking() -> None:
    async def main() -> None:
        async with exchange(FLOWS) as centre:
            for user in ("1003", "1004"):
                centre.endpoint.behaviour[user] = answers_after(0.5)
            centre.register("1001", "1003", "1004")
            caller = centre.call("1003", user="1001")
            await at(1)
            [call] = centre.switchboard._calls.values()
            handling.consult(call, caller.party, "1004")
            await at(1)
            caller.bye()
            await at(0.2)
            first, second = centre.endpoint.to("1003"), centre.endpoint.to("1004")
            assert first.media.bridge is not None
            assert first.media.bridge.legs == {first.media, second.media}
            first.bye()
            await at(0.2)
            assert second.did == ["BYE"]

    run(main())


# --- what phones ask for by REFER


@pytest.mark.parametrize(("to", "status"), [("1003", 202), ("1002", 404), ("nobody", 404)])
def test_a_phone_passes_the_caller_on(to: str, status: int) -> None:
    async def then(talk: Talk) -> None:
        assert talk.by.leg_referred(SipUri.parse(f"sip:{to}@pbx.example"), None) == status
        await at(1.5)
        if status == 202:
            assert talk.anna.did == ["BYE"]
            assert talk.heard(t=talk.centre.endpoint.to("1003")) == {"ct", "tc"}
        else:
            assert talk.heard() == {"ca", "ac"}

    talking(then)


def test_nobody_from_outside_passes_an_agent_on_at_our_expense() -> None:
    async def then(talk: Talk) -> None:
        for to in ("1003", "0049900123456"):
            assert talk.caller.party.leg_referred(SipUri.parse(f"sip:{to}@x"), None) == 603
        talk.centre.endpoint.behaviour["0301111"] = answers_after(0.5)
        handling.pass_on(talk.call, talk.by, to="0301111")
        await at(1)
        outside = talk.centre.endpoint.to("0301111")
        assert talk.heard(t=outside) == {"ct", "tc"}
        assert outside.party.leg_referred(SipUri.parse("sip:0049900123456@x"), None) == 603

    talking(then)


def test_a_phone_that_talks_with_a_flow_has_nobody_to_pass_on() -> None:
    async def main() -> None:
        async with exchange(FLOWS) as centre:
            caller = centre.call("5009", user="1003")
            await at(0.2)
            assert caller.party.leg_referred(SipUri.parse("sip:1004@x"), None) == 603
            caller.bye()

    run(main())


@pytest.mark.parametrize("asked_by", ["dialling", "being called"])
def test_a_phone_joins_its_two_calls(asked_by: str) -> None:
    """An attended transfer as desk phones do it: two calls, then REFER with Replaces."""

    async def then(talk: Talk) -> None:
        centre = talk.centre
        talk.anna.offer("sendonly")
        assert talk.caller.media.hears == "music"
        if asked_by == "dialling":
            second: FakeLeg = centre.call("1003", user="1001")
            await at(1.5)
            far: FakeLeg = centre.endpoint.to("1003")
        else:
            far = centre.call("1001", user="1003")
            await at(1)
            second = centre.endpoint.to("1001")
        assert second is not talk.anna
        other = second.party.call
        replaced = talk.by.call.context  # some object that is no leg counts as nobody
        assert talk.by.leg_referred(SipUri.parse("sip:nobody@x"), replaced) == 404
        assert talk.by.hooks.refer is not None
        assert talk.by.hooks.refer("1003", second.party) == 202
        await at(0.5)
        assert talk.anna.is_over
        assert second.is_over
        assert not far.is_over
        assert talk.heard(f=far) == {"cf", "fc"}
        assert other.id not in centre.switchboard._calls
        assert centre.state(ANNA) == "wrap_up"

    talking(then)
