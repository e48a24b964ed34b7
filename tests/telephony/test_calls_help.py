"""An agent asks for help in a talk: it is seen at once, taken once, and over with the talk."""

import pytest

from routing.events import AgentState
from telephony.calls import handling, help
from telephony.errors import NotPossible
from telephony.events import HelpEnded, HelpRequested, HelpTaken
from tests.support.fake_calls import BEN
from tests.support.talks import Talk, at, talking


def test_f07_help_is_asked_for_taken_once_and_withdrawn() -> None:
    async def then(talk: Talk) -> None:
        call, told = talk.call, talk.centre.told
        with pytest.raises(NotPossible):
            help.take(call, "sue")
        help.ask(call, talk.by, "upset_caller", "wants somebody in charge")
        [asked] = told(HelpRequested)
        assert (asked.reason, asked.text, asked.leg_id) == (
            *("upset_caller", "wants somebody in charge", talk.by.id),
        )
        seen = call.snapshot().help
        assert seen is not None
        assert (seen.agent_id, seen.taken_by) == (talk.by.agent_id, None)
        with pytest.raises(NotPossible):
            help.ask(call, talk.by, "question", "")
        assert help.take(call, "sue")
        assert not help.take(call, "tom")
        assert [e.by for e in told(HelpTaken)] == ["sue"]
        assert call.help is not None
        assert call.help.taken_by == "sue"
        help.withdraw(call)
        assert [e.outcome for e in told(HelpEnded)] == ["withdrawn"]
        assert call.snapshot().help is None
        help.ask(call, talk.by, "question", "")

    talking(then)


def test_f07_request_ends_with_the_call() -> None:
    async def then(talk: Talk) -> None:
        call = talk.call
        help.ask(call, talk.by, "emergency", "")
        talk.caller.bye()
        await at(0.5)
        assert [e.outcome for e in talk.centre.told(HelpEnded)] == ["call_ended"]
        assert call.help is None
        await at(0.5)
        assert len(talk.centre.told(HelpEnded)) == 1

    talking(then)


def test_f07_request_ends_when_the_agent_passes_the_caller_on() -> None:
    async def then(talk: Talk) -> None:
        help.ask(talk.call, talk.by, "question", "")
        handling.pass_on(talk.call, talk.by, to="1004")
        await at(2)
        assert [e.outcome for e in talk.centre.told(HelpEnded)] == ["call_ended"]
        assert talk.call.help is None

    talking(then)


def test_f07_nobody_asks_while_nobody_talks() -> None:
    async def then(talk: Talk) -> None:
        call, by = talk.call, talk.by
        assert talk.centre.dispatcher.agent(BEN.id).state is AgentState.OFFLINE
        talk.caller.bye()
        await at(0.5)
        with pytest.raises(NotPossible):
            help.ask(call, by, "question", "")

    talking(then)
