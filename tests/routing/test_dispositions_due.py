"""Queues whose agents say what became of a call before they get the next one."""

from datetime import timedelta

import pytest

from routing.errors import DispositionMissing
from routing.events import AgentState, WorkId
from tests.support.centre import AVAILABLE, AWAY, NOON, OFFLINE, Centre, agent, queue, work_id

ANNA, BEN = agent(1), agent(2)


def hung_up(*, wrap_up: float = 10, said: bool = False) -> tuple[Centre, WorkId]:
    """Anna's talk ended at second 20; somebody else waits since then."""
    asking = queue(wrap_up_seconds=wrap_up, disposition_seconds=60)
    centre = Centre(asking, agents=(ANNA,))
    centre.ready()
    call = centre.call(1)
    centre.at(5).decide(call)
    if said:
        centre.at(10).say_what_became(call)
    centre.at(20).finish(call)
    centre.call(2)
    return centre, call


def test_f03_wrap_up_goes_on_until_a_disposition_is_given() -> None:
    centre, call = hung_up()
    centre.at(50)
    seen = centre.agent(ANNA)
    assert (centre.state(ANNA), seen.disposition_due) == ("wrap_up", call)
    assert seen.wrap_up_until == NOON + timedelta(seconds=80)
    assert centre.rung() == {}
    centre.say_what_became(call)
    assert centre.rung() == {2: 1}


def test_f03_disposition_within_the_wrap_up_time_leaves_the_rest_of_it() -> None:
    centre, call = hung_up()
    centre.at(22).say_what_became(call)
    seen = centre.agent(ANNA)
    assert (centre.state(ANNA), seen.disposition_due) == ("wrap_up", None)
    assert seen.wrap_up_until == NOON + timedelta(seconds=30)
    centre.at(29.9)
    assert centre.rung() == {}
    centre.at(30)
    assert centre.rung() == {2: 1}


def test_f03_disposition_given_in_the_talk_is_enough() -> None:
    centre, _ = hung_up(said=True)
    assert centre.agent(ANNA).disposition_due is None
    assert centre.at(30).rung() == {2: 1}
    assert hung_up(wrap_up=0, said=True)[0].rung() == {2: 1}


def test_f03_queue_without_wrap_up_time_waits_for_it_too() -> None:
    centre, call = hung_up(wrap_up=0)
    assert centre.state(ANNA) == "wrap_up"
    centre.say_what_became(call)
    assert centre.rung() == {2: 1}


def test_f03_agent_who_gives_none_is_away_in_the_end() -> None:
    centre, _ = hung_up()
    centre.at(80)
    assert centre.state(ANNA) == "away no_disposition"
    centre.choose(ANNA, AVAILABLE)
    assert centre.rung() == {2: 1}


def test_f03_state_asked_for_in_the_talk_is_entered_all_the_same() -> None:
    asking = queue(disposition_seconds=60)
    centre = Centre(asking, agents=(ANNA,))
    centre.ready()
    call = centre.call(1)
    centre.decide(call)
    centre.choose(ANNA, AWAY, "lunch")
    centre.finish(call)
    centre.at(60)
    assert centre.state(ANNA) == "away lunch"


@pytest.mark.parametrize("state", [AWAY, OFFLINE])
def test_f03_leaving_the_desk_does_not_get_round_it(state: AgentState) -> None:
    centre, call = hung_up()
    centre.choose(ANNA, state)
    with pytest.raises(DispositionMissing):
        centre.choose(ANNA, AVAILABLE)
    assert centre.agent(ANNA).disposition_due == call
    centre.say_what_became(call)
    assert centre.rung() == {}, "a disposition does not call anybody back to the desk"
    centre.choose(ANNA, AVAILABLE)
    assert centre.rung() == {2: 1}


def test_f03_who_is_away_for_long_owes_nothing_any_more() -> None:
    centre, _ = hung_up()
    centre.choose(ANNA, AWAY, "lunch")
    centre.at(80)
    assert (centre.state(ANNA), centre.agent(ANNA).disposition_due) == ("away lunch", None)
    centre.choose(ANNA, AVAILABLE)
    assert centre.rung() == {2: 1}


def test_f03_agent_cannot_end_it_and_a_supervisor_can() -> None:
    centre, _ = hung_up()
    with pytest.raises(DispositionMissing):
        centre.end_wrap_up(ANNA)
    with pytest.raises(DispositionMissing):
        centre.choose(ANNA, AVAILABLE)
    assert (centre.state(ANNA), centre.rung()) == ("wrap_up", {})
    centre.end_wrap_up(ANNA, excused=True)
    assert centre.rung() == {2: 1}
    centre, _ = hung_up()
    centre.choose(ANNA, AVAILABLE, excused=True)
    assert centre.rung() == {2: 1}


def test_disposition_of_another_call_frees_nobody() -> None:
    centre, _ = hung_up()
    centre.say_what_became(work_id(2))
    centre.say_what_became(work_id(99))
    assert centre.state(ANNA) == "wrap_up"


def test_agent_who_is_removed_owes_nothing() -> None:
    centre, _ = hung_up()
    centre.configure(centre.queues, (BEN,))
    assert [seen.id for seen in centre.matcher.agents()] == [BEN.id]
    centre.configure(centre.queues, (ANNA,))
    assert centre.agent(ANNA).disposition_due is None
    centre.at(80)
    assert centre.state(ANNA) == "offline"
