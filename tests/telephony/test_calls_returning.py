"""C05: an agent's browser is lost in a talk, and comes back, or does not."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from routing.events import AgentState
from telephony.access import FromPhone
from telephony.calls import handling
from telephony.calls.audibility import Mode
from telephony.calls.returning import RETURN_SECONDS
from telephony.events import CallTransferred, ConsultEnded, LegHeld
from telephony.sip.uri import SipUri
from telephony.transport.flow import Flow
from tests.support.fake_calls import (
    ANNA,
    BEN,
    Exchange,
    FakeLeg,
    answers_after,
    exchange,
    sales_queue,
)
from tests.support.registrations import TENANT, register
from tests.support.talks import FLOWS, Talk, at, supervised, talking
from tests.support.virtual_time import run_virtual


def lose(talk: Talk) -> None:
    """The page is gone: nobody hangs up, the sound just ends."""
    talk.by.in_browser = True
    talk.by._gone("media_lost")


def newest(talk: Talk) -> FakeLeg:
    return talk.centre.endpoint.to("1001")


def hears_music(talk: Talk) -> bool:
    return talk.caller.media.playing is not None


def test_c05_caller_hears_music_until_the_agent_is_back_and_talks_on() -> None:
    async def then(talk: Talk) -> None:
        lost = talk.anna
        lose(talk)
        await at(0.2)
        assert hears_music(talk)
        assert len(talk.centre.told(LegHeld)) == 1
        await at(1)
        back = talk.centre.endpoint.to("1001")
        assert back is not lost
        assert "answer-after=0" in back.headers["Call-Info"]
        assert talk.heard(a=back) == {"ca", "ac"}
        assert not hears_music(talk)
        [recording] = talk.centre.engine.recordings
        assert recording.others == {back.media}
        assert talk.centre.state(ANNA) == "engaged"
        assert handling.party_of(talk.call, ANNA.id) is back.party
        assert lost.is_over
        talk.caller.bye()
        await at(0.5)
        assert back.is_over
        assert talk.centre.state(ANNA) == "wrap_up"

    talking(then)


def test_c05_supervisor_goes_on_listening_with_the_agent_who_is_back() -> None:
    async def then(talk: Talk) -> None:
        sue = await supervised(talk, Mode.WHISPER)
        lose(talk)
        await at(1)
        back = talk.centre.endpoint.to("1001")
        assert talk.heard(a=back, s=sue) == {"ca", "ac", "sa", "sc", "as"}

    talking(then)


def test_c05_agent_who_does_not_come_back_is_away_and_the_caller_is_next() -> None:
    async def then(talk: Talk) -> None:
        centre = talk.centre
        centre.endpoint.behaviour["1001"] = lambda leg: leg.fail(480)
        lose(talk)
        await at(RETURN_SECONDS - 1)
        assert hears_music(talk)
        await at(3)
        [moved] = centre.told(CallTransferred)
        assert moved.target == "sales"
        [waiting] = [q for q in centre.dispatcher.queues() if q.waiting]
        assert waiting.name == "sales"
        await at(20)
        agent = centre.dispatcher.agent(ANNA.id)
        assert (agent.state, agent.reason) == (AgentState.AWAY, "media_lost")
        talk.caller.bye()
        await at(0.5)

    talking(then)


def test_c05_caller_who_hangs_up_meanwhile_rings_nobody() -> None:
    async def then(talk: Talk) -> None:
        talk.centre.endpoint.behaviour["1001"] = answers_after(5)
        lose(talk)
        await at(0.5)
        talk.caller.bye()
        await at(8)
        assert talk.centre.endpoint.to("1001").is_over
        assert len(talk.centre.switchboard) == 0

    talking(then)


def test_c05_who_hangs_up_on_purpose_is_not_called_back() -> None:
    async def then(talk: Talk) -> None:
        talk.by.in_browser = True
        talk.anna.bye()
        await at(2)
        assert len([leg for leg in talk.centre.endpoint.legs if leg.target.user == "1001"]) == 1
        assert talk.centre.causes == ["agent_hung_up"]

    talking(then)


def test_c05_nobody_is_called_back_into_a_talk_that_went_on_without_them() -> None:
    async def then(talk: Talk) -> None:
        sue = await supervised(talk, Mode.LISTEN)
        talk.centre.endpoint.behaviour["1001"] = answers_after(5)
        lose(talk)
        await at(0.5)
        rung = newest(talk)
        handling.take_over(talk.call, talk.supervisor, talk.by)
        await at(0.5)
        assert talk.heard(s=sue) == {"cs", "sc"}
        assert rung.did == ["CANCEL"], "Anna may have another call by now, and would take this one"
        await at(RETURN_SECONDS)
        assert newest(talk) is rung

    talking(then)


def test_c05_who_is_asked_for_an_agent_that_is_lost_is_rung_no_more() -> None:
    async def then(talk: Talk) -> None:
        handling.consult(talk.call, talk.by, "1003")
        await at(0.1)
        talk.centre.endpoint.behaviour["1001"] = answers_after(3)
        lose(talk)
        await at(0.5)
        assert talk.centre.endpoint.to("1003").did == ["CANCEL"]
        assert [e.outcome for e in talk.centre.told(ConsultEnded)] == ["resumed"]
        assert hears_music(talk)
        await at(4)
        assert talk.heard(a=newest(talk)) == {"ca", "ac"}

    talking(then)


@pytest.mark.parametrize("was_lost", [False, True])
def test_c05_caller_who_hangs_up_leaves_the_agent_to_who_was_asked(was_lost: bool) -> None:
    async def then(talk: Talk) -> None:
        if was_lost:
            lose(talk)
            await at(1)
        agent = newest(talk)
        handling.consult(talk.call, agent.party, "1003")
        await at(1.5)
        asked = talk.centre.endpoint.to("1003")
        talk.caller.bye()
        await at(0.5)
        assert not agent.is_over
        assert agent.media.bridge is not None
        assert agent.media.bridge.hears(agent.media) == {asked.media}
        assert agent.media.bridge.hears(asked.media) == {agent.media}
        recordings = talk.centre.engine.recordings
        assert [each.is_open for each in recordings] == [False], "colleagues are not recorded"
        assert talk.centre.state(ANNA) != "available"
        agent.bye()
        await at(0.5)
        assert asked.did == ["BYE"]
        assert len(talk.centre.switchboard) == 0

    talking(then)


def test_c05_caller_whom_the_queue_cannot_serve_after_all_is_told_so() -> None:
    async def then(talk: Talk) -> None:
        centre = talk.centre
        full = replace(sales_queue(), max_waiting=1)
        centre.dispatcher.configure([full], [ANNA, BEN])
        other = centre.call("5001")
        await at(0.5)
        centre.endpoint.behaviour["1001"] = lambda leg: leg.fail(480)
        lose(talk)
        await at(RETURN_SECONDS + 3)
        assert talk.caller.is_over
        assert talk.caller.media.prompts[-1].startswith("Nobody can take your call now.")
        other.bye()
        await at(0.5)

    talking(then)


@pytest.mark.parametrize("is_back", [True, False])
@pytest.mark.parametrize("by_button", [True, False])
def test_c05_agent_who_called_somebody_comes_back_to_the_call_too(
    is_back: bool, by_button: bool
) -> None:
    async def main() -> None:
        async with exchange(FLOWS) as centre:
            centre.endpoint.behaviour["0301111"] = answers_after(0.5)
            centre.endpoint.behaviour["1001"] = answers_after(0.2)
            centre.register("1001")
            centre.available(ANNA)
            if by_button:
                centre.switchboard.originate(TENANT, "1001", "0301111")
                await at(1)
                lost: FakeLeg = centre.endpoint.to("1001")
            else:
                lost = centre.call("0301111", user="1001")
                await at(1)
            outside = centre.endpoint.to("0301111")
            assert outside.media.bridge is not None
            if not is_back:
                centre.endpoint.behaviour["1001"] = lambda leg: leg.fail(480)
            lost.party.in_browser = True
            lost.party._gone("media_lost")
            await at(0.1)
            assert outside.media.hears == "music"
            await at(1)
            assert not outside.is_over
            assert centre.state(ANNA) == "engaged"
            if is_back:
                back = centre.endpoint.to("1001")
                assert lost.is_over
                assert outside.media.bridge.hears(outside.media) == {back.media}
                assert back.from_.display == "Returned: 0301111"
                back.bye()
            else:
                await at(RETURN_SECONDS)
            await at(0.5)
            assert outside.did == ["BYE"]
            assert centre.state(ANNA) == "available"
            assert len(centre.switchboard) == 0

    run_virtual(main())


def test_c05_phone_that_refuses_is_not_rung_four_times_a_second() -> None:
    async def then(talk: Talk) -> None:
        talk.centre.endpoint.behaviour["1001"] = lambda leg: leg.fail(486)
        lose(talk)
        await at(RETURN_SECONDS - 0.5)
        rung = [leg for leg in talk.centre.endpoint.legs if leg.target.user == "1001"][1:]
        assert 5 <= len(rung) <= 11, "each is a leg in the call's record"

    talking(then)


def opens_page(centre: Exchange, number: int, *, cseq: int = 1) -> Flow:
    """One of Anna's pages registers, or does so again; each has a name of its own."""
    found = centre.context.directory.phone(TENANT, "1001")
    assert found is not None
    flow = Flow("ws", ("192.0.2.9", 5_000 + number), ("192.0.2.1", 5066), number)
    contact = f"<sip:page{number}@tab.invalid;transport=ws>"
    message = register(contact, call_id=f"page{number}", cseq=cseq)
    centre.switchboard.receive_register(message, flow, FromPhone(found))
    return flow


def test_c05_only_a_page_that_is_new_takes_the_place_of_one_that_is_gone() -> None:
    async def main() -> None:
        async with exchange(FLOWS) as centre:
            centre.endpoint.behaviour["1001"] = answers_after(0.1)
            centre.register("1001")
            centre.available(ANNA)
            caller = centre.call("5001")
            await at(1)
            agent: Any = centre.endpoint.to("1001")
            agent.party.in_browser = True
            agent.dialog = SimpleNamespace(remote_target=SipUri.parse("sip:page1@tab.invalid"))
            flow = opens_page(centre, 1)
            opens_page(centre, 2)
            centre.switchboard.registrations.drop_flow(flow)
            opens_page(centre, 2, cseq=2)
            await at(1)
            assert not agent.is_over, "the connection of the other one may be back in a second"
            opens_page(centre, 3)
            await at(0.5)
            assert agent.is_over
            caller.bye()
            await at(0.5)

    run_virtual(main())


def test_c10_tone_of_a_call_that_came_too_late_leaves_no_agent_in_silence() -> None:
    async def main() -> None:
        async with exchange(FLOWS) as centre:
            centre.dispatcher.configure(
                [replace(sales_queue(), auto_answer=True, ring_seconds=2)], [ANNA, BEN]
            )
            centre.endpoint.behaviour["1001"] = answers_after(1.9)
            centre.register("1001")
            centre.available(ANNA)
            caller = centre.call("5001")
            await at(4)
            first = centre.endpoint.legs[0]
            assert first.did == ["BYE"]
            caller.bye()
            await at(0.5)

    run_virtual(main())


def test_c10_call_of_an_auto_answer_queue_is_taken_after_a_tone() -> None:
    async def main() -> None:
        async with exchange(FLOWS) as centre:
            auto = replace(sales_queue(), auto_answer=True)
            centre.dispatcher.configure([auto], [ANNA, BEN])
            centre.endpoint.behaviour["1001"] = answers_after(0.1)
            centre.register("1001")
            centre.available(ANNA)
            caller = centre.call("5001")
            await at(0.25)
            agent = centre.endpoint.to("1001")
            assert "answer-after=0" in agent.headers["Call-Info"]
            playing = [one.media.playing is not None for one in (caller, agent)]
            assert playing == [True, True], "the caller has music until the tone is over"
            await at(2)
            assert len(agent.media.heard) == 1
            assert caller.media.playing is None
            caller.bye()
            await at(0.5)

    run_virtual(main())


def test_c10_auto_answer_of_an_agent_counts_in_every_queue() -> None:
    async def main() -> None:
        async with exchange(FLOWS) as centre:
            centre.dispatcher.configure([sales_queue()], [replace(ANNA, auto_answer=True), BEN])
            centre.register("1001", "1002")
            centre.available(ANNA)
            caller = centre.call("5001")
            await at(0.2)
            assert "Call-Info" in centre.endpoint.to("1001").headers
            caller.bye()
            await at(0.5)
            centre.dispatcher.set_agent_state(ANNA.id, AgentState.AWAY)
            centre.available(BEN)
            caller = centre.call("5001")
            await at(0.2)
            assert centre.endpoint.to("1002").headers == {}
            caller.bye()
            await at(0.5)

    run_virtual(main())
