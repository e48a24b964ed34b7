import pytest

from routing.acd.effects import WorkItem
from routing.errors import (
    InvalidAgentState,
    NoAgents,
    QueueFull,
    UnknownAgent,
    UnknownQueue,
)
from routing.events import AgentState, Outcome
from tests.support.centre import (
    AVAILABLE,
    AWAY,
    NOON,
    OFFLINE,
    Centre,
    agent,
    queue,
    work_id,
)

ANNA, BEN, CLEO = agent(1), agent(2), agent(3)
SALES = queue()


def staffed(*agents: int) -> Centre:
    """A centre with one queue, whose agents are all idle."""
    centre = Centre(SALES, agents=tuple(agent(number) for number in agents or (1,)))
    centre.ready()
    return centre


def talking() -> Centre:
    """Anna talks with call 1 since second 5."""
    centre = staffed(1)
    call = centre.call(1)
    centre.at(5).decide(call)
    return centre


# --- who gets whom


def test_waiting_caller_gets_the_first_agent_who_becomes_available() -> None:
    centre = Centre(SALES, agents=(ANNA,))
    centre.call(1)
    assert centre.rung() == {}
    centre.ready()
    assert centre.rung() == {1: 1}
    assert centre.state(ANNA) == "offered"


def test_agent_idle_for_longest_is_rung_first() -> None:
    centre = Centre(SALES, agents=(ANNA, BEN, CLEO))
    for second, profile in enumerate((CLEO, ANNA, BEN)):
        centre.at(second).ready(profile)
    for number in (1, 2, 3):
        centre.call(number)
    assert centre.rung() == {1: 3, 2: 1, 3: 2}


def test_among_equally_idle_agents_the_better_one_is_rung() -> None:
    centre = Centre(SALES, agents=(agent(1, sales=2), agent(2, sales=5)))
    centre.ready()
    centre.call(1)
    assert centre.rung() == {1: 2}


def test_among_equal_agents_the_lower_extension_is_rung() -> None:
    centre = staffed(3, 2, 1)
    centre.call(1)
    assert centre.rung() == {1: 1}


def test_agent_below_the_minimum_level_is_not_rung() -> None:
    centre = Centre(queue(minimum_level=3), agents=(agent(1, sales=2), agent(2, support=5)))
    centre.ready()
    centre.call(1)
    assert centre.rung() == {}


def test_unreachable_agent_is_not_rung_until_the_phone_registers() -> None:
    centre = Centre(SALES, agents=(ANNA,))
    centre.choose(ANNA, AVAILABLE)
    centre.call(1)
    assert centre.rung() == {}
    assert centre.queue().agents_available == 0
    centre.did(centre.matcher.set_reachable(ANNA.id, True, centre.moment))
    assert centre.rung() == {1: 1}


def test_phone_that_went_away_is_not_rung() -> None:
    centre = staffed(1)
    centre.did(centre.matcher.set_reachable(ANNA.id, False, centre.moment))
    centre.call(1)
    assert centre.rung() == {}


def test_phone_that_registered_before_its_agent_was_configured_is_rung() -> None:
    centre = staffed(1)
    assert centre.matcher.set_reachable(BEN.id, True, centre.moment) == []
    centre.configure((SALES,), (BEN,))
    centre.choose(BEN, AVAILABLE)
    centre.call(1)
    assert centre.rung() == {1: 2}


def test_other_calls_of_nobody_we_know_are_passed_over() -> None:
    centre = staffed(1)
    assert centre.matcher.occupy(BEN.id, centre.moment) == []
    assert centre.matcher.vacate(BEN.id, centre.moment) == []


def test_callers_are_served_by_priority_and_then_by_arrival() -> None:
    centre = Centre(SALES, agents=(ANNA,))
    for number, priority in ((1, 0), (2, 0), (3, 5), (4, 5)):
        centre.at(number).call(number, priority=priority)
    assert [w.int - 0x1000 for w in centre.queue().work_ids] == [3, 4, 1, 2]
    assert centre.matcher.position(work_id(1)) == 3
    centre.ready()
    assert centre.rung() == {3: 1}


def test_between_queues_work_priority_counts_before_queue_priority_before_arrival() -> None:
    light, heavy = queue(1), queue(2, priority=5)
    centre = Centre(light, heavy, agents=(ANNA,))
    centre.call(1, light, priority=1)
    centre.call(2, light)
    centre.call(3, heavy)
    order = []
    centre.ready()
    for _ in range(3):
        [(call, _)] = centre.rung().items()
        order.append(call)
        centre.decide(work_id(call), Outcome.WITHDRAWN)
    assert order == [1, 3, 2]


def test_heavier_queue_does_not_withhold_an_agent_it_cannot_use() -> None:
    expert, simple = queue(1, priority=9, minimum_level=5), queue(2)
    centre = Centre(expert, simple, agents=(agent(1, sales=1),))
    centre.call(1, expert)
    centre.call(2, simple)
    centre.ready()
    assert centre.rung() == {2: 1}


def test_most_urgent_caller_gets_the_agent_whichever_queue_was_configured_first() -> None:
    centre = Centre(queue(1), queue(2), agents=())
    centre.call(1, centre.queues[0])
    centre.call(2, centre.queues[1], priority=1)
    centre.configure(centre.queues, (ANNA,))
    centre.ready(ANNA)
    assert centre.rung() == {2: 1}


# --- offers


def test_accepted_offer_engages_the_agent_with_the_work() -> None:
    centre = staffed(1)
    call = centre.call(1)
    centre.forget()
    centre.at(5).decide(call)
    assert centre.told() == ["answered call 1 after 5000 ms", "agent 1 engaged after 5000 ms"]
    assert centre.agent(ANNA).work_id == call
    assert centre.matcher.position(call) is None


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        (Outcome.NO_ANSWER, "no_answer"),
        (Outcome.REFUSED, "declined"),
        (Outcome.FAILED, "device"),
    ],
)
def test_agent_who_does_not_take_an_offer_is_passed_over_from_then_on(
    outcome: Outcome, reason: str
) -> None:
    centre = staffed(1, 2)
    call = centre.call(1)
    centre.at(15).decide(call, outcome)
    assert centre.state(ANNA) == f"not_responding {reason}"
    assert centre.rung() == {1: 2}
    centre.decide(call, outcome)
    assert centre.rung() == {}
    centre.choose(ANNA, AVAILABLE)
    assert centre.rung() == {1: 1}


def test_caller_whose_offer_failed_keeps_the_place_and_the_waiting_time() -> None:
    centre = staffed(1)
    first = centre.call(1)
    centre.at(3).call(2)
    centre.at(10).decide(first, Outcome.NO_ANSWER)
    assert centre.matcher.position(first) == 1
    assert centre.queue().longest_wait_ms == 10_000
    centre.choose(ANNA, AVAILABLE)
    centre.at(12).decide(first)
    assert "answered call 1 after 12000 ms" in centre.told()


def test_caller_for_whom_somebody_is_rung_still_waits_in_the_queue() -> None:
    centre = staffed(1)
    centre.call(1)
    centre.call(2)
    seen = centre.queue()
    assert (seen.waiting, seen.offered) == (2, 2)
    assert centre.matcher.position(work_id(2)) == 2


def test_caller_who_hangs_up_while_it_rings_costs_the_agent_nothing() -> None:
    centre = Centre(SALES, agents=(ANNA, BEN))
    centre.ready(ANNA)
    centre.at(1).ready(BEN)
    call = centre.call(1)
    centre.forget()
    centre.at(4).withdraw(call)
    assert centre.told() == [
        "stop ringing",
        "offer of call 1 withdrawn",
        "abandoned call 1 at 1 after 3000 ms",
        "agent 1 available after 3000 ms",
    ]
    centre.call(2)
    assert centre.rung() == {2: 1}, "the agent's place among the idle is kept"


def test_agent_of_a_withdrawn_offer_is_rung_for_the_next_caller() -> None:
    centre = staffed(1)
    call = centre.call(1)
    centre.call(2)
    centre.withdraw(call)
    assert centre.rung() == {2: 1}


def test_port_that_says_the_caller_is_gone_ends_the_wait() -> None:
    centre = staffed(1)
    call = centre.call(1)
    centre.at(2).decide(call, Outcome.WITHDRAWN)
    assert "abandoned call 1 at 1 after 2000 ms" in centre.told()
    assert centre.state(ANNA) == "available"
    centre.forget()
    centre.withdraw(call)
    assert centre.told() == []


def test_answer_to_a_withdrawn_offer_engages_nobody() -> None:
    centre = staffed(1)
    call = centre.call(1)
    offer = centre.open_offers()[call]
    centre.withdraw(call)
    assert centre.matcher.receive_outcome(offer.id, Outcome.ACCEPTED, centre.moment) == []
    assert centre.state(ANNA) == "available"


def test_caller_taken_out_for_a_reason_is_not_abandoned() -> None:
    centre = Centre(SALES, agents=())
    call = centre.call(1)
    centre.withdraw(call, "timeout")
    seen = centre.queue()
    assert (seen.abandoned, seen.flowed_out, seen.waiting) == (0, 1, 0)
    assert centre.told() == ["queued call 1 at 1", "call 1 left: timeout"]


# --- after the conversation


def test_agent_wraps_up_for_the_queues_time_and_is_available_then() -> None:
    centre = talking()
    centre.at(60).finish(work_id(1))
    assert centre.state(ANNA) == "wrap_up"
    centre.call(2)
    assert centre.rung() == {}
    assert centre.matcher.next_timeout() == 70
    centre.at(70)
    assert centre.rung() == {2: 1}


def test_an_agent_is_told_when_the_wrap_up_ends() -> None:
    centre = talking()
    assert centre.agent(ANNA).wrap_up_until is None
    centre.at(60).finish(work_id(1))
    seen = centre.agent(ANNA)
    assert seen.wrap_up_until is not None
    assert (seen.wrap_up_until - seen.since).total_seconds() == 10
    centre.at(70)
    assert centre.agent(ANNA).wrap_up_until is None


def test_queue_without_wrap_up_makes_its_agents_available_at_once() -> None:
    centre = Centre(queue(wrap_up_seconds=0), agents=(ANNA,))
    centre.ready()
    call = centre.call(1)
    centre.decide(call)
    centre.call(2)
    centre.finish(call)
    assert centre.rung() == {2: 1}


def test_idle_time_begins_when_wrap_up_ends() -> None:
    centre = staffed(1, 2)
    call = centre.call(1)
    centre.decide(call)
    centre.finish(call)
    centre.at(5).choose(BEN, AWAY)
    centre.at(20).choose(BEN, AVAILABLE)
    centre.call(2)
    assert centre.rung() == {2: 1}, "Anna is idle since second 10, Ben since second 20"


def test_wrap_up_that_ended_early_has_no_timer_any_more() -> None:
    centre = talking()
    centre.finish(work_id(1))
    centre.did(centre.matcher.end_wrap_up(ANNA.id, centre.moment))
    assert centre.state(ANNA) == "available"
    assert centre.matcher.next_timeout() is None
    assert centre.matcher.end_wrap_up(ANNA.id, centre.moment) == []


def test_choosing_a_state_ends_wrap_up() -> None:
    centre = talking()
    centre.finish(work_id(1))
    centre.choose(ANNA, AWAY, "lunch")
    assert centre.state(ANNA) == "away lunch"
    centre.at(100)
    assert centre.state(ANNA) == "away lunch"


def test_timer_that_fires_early_changes_nothing() -> None:
    centre = talking()
    centre.finish(work_id(1))
    assert centre.matcher.handle_timeout(centre.moment) == []
    assert centre.state(ANNA) == "wrap_up"


def test_state_chosen_during_a_call_is_pending_until_it_is_over() -> None:
    centre = Centre(queue(wrap_up_seconds=0), agents=(ANNA,))
    centre.ready()
    call = centre.call(1)
    centre.decide(call)
    centre.choose(ANNA, AWAY, "lunch")
    assert centre.state(ANNA) == "engaged"
    assert centre.agent(ANNA).pending is AWAY
    centre.finish(call)
    assert centre.state(ANNA) == "away lunch"
    assert centre.agent(ANNA).pending is None


def test_pending_state_is_taken_back_by_choosing_available() -> None:
    centre = talking()
    centre.choose(ANNA, OFFLINE)
    centre.choose(ANNA, AVAILABLE)
    assert centre.agent(ANNA).pending is None
    centre.finish(work_id(1))
    assert centre.at(100).state(ANNA) == "available"


def test_conversation_that_ends_before_its_answer_is_known_leaves_nobody_engaged() -> None:
    centre = staffed(1)
    call = centre.call(1)
    offer = centre.open_offers()[call]
    centre.finish(call)
    centre.did(centre.matcher.receive_outcome(offer.id, Outcome.ACCEPTED, centre.moment))
    assert centre.state(ANNA) == "available"
    assert centre.queue().abandoned == 1


def test_withdrawing_answered_work_ends_the_conversation() -> None:
    centre = talking()
    centre.withdraw(work_id(1))
    assert centre.state(ANNA) == "wrap_up"
    seen = centre.queue()
    assert (seen.answered, seen.abandoned) == (1, 0)


def test_unknown_work_is_withdrawn_and_finished_without_effect() -> None:
    centre = staffed(1)
    centre.forget()
    centre.withdraw(work_id(9))
    centre.finish(work_id(9))
    assert centre.told() == []
    assert centre.matcher.position(work_id(9)) is None


# --- what agents ask for


@pytest.mark.parametrize("state", [s for s in AgentState if s not in (AVAILABLE, AWAY, OFFLINE)])
def test_states_that_follow_from_calls_cannot_be_chosen(state: AgentState) -> None:
    centre = staffed(1)
    centre.call(1)
    with pytest.raises(InvalidAgentState):
        centre.choose(ANNA, state)
    assert centre.rung() == {1: 1}, "the offer is left alone"


def test_agent_who_leaves_while_the_phone_rings_hands_the_caller_on() -> None:
    centre = staffed(1, 2)
    centre.call(1)
    centre.forget()
    centre.at(3).choose(ANNA, AWAY, "lunch")
    assert centre.told() == [
        "stop ringing",
        "offer of call 1 withdrawn",
        "agent 1 away lunch after 3000 ms",
        "agent 2 offered after 3000 ms",
        "offered call 1 to agent 2",
    ]


def test_being_available_while_the_phone_rings_is_nothing_new() -> None:
    centre = staffed(1)
    centre.call(1)
    centre.choose(ANNA, AVAILABLE)
    assert centre.rung() == {1: 1}


def test_asking_for_the_same_state_again_is_no_change() -> None:
    centre = staffed(1)
    centre.forget()
    centre.at(5).choose(ANNA, AVAILABLE, "whatever")
    assert centre.told() == []
    centre.choose(ANNA, AWAY, "lunch")
    centre.choose(ANNA, AWAY, "lunch")
    centre.choose(ANNA, AWAY, "meeting")
    assert centre.told() == ["agent 1 away lunch after 5000 ms", "agent 1 away meeting after 0 ms"]


def test_unknown_agent_is_refused() -> None:
    centre = staffed(1)
    with pytest.raises(UnknownAgent):
        centre.choose(BEN, AVAILABLE)
    with pytest.raises(UnknownAgent):
        centre.matcher.end_wrap_up(BEN.id, centre.moment)


# --- calls that come from no queue


def test_agent_on_another_call_is_engaged_and_not_rung() -> None:
    centre = staffed(1)
    centre.did(centre.matcher.occupy(ANNA.id, centre.moment))
    assert centre.state(ANNA) == "engaged direct_call"
    centre.call(1)
    assert centre.rung() == {}
    centre.did(centre.matcher.vacate(ANNA.id, centre.moment))
    assert centre.rung() == {1: 1}


def test_other_call_keeps_the_agents_place_among_the_idle() -> None:
    centre = Centre(SALES, agents=(ANNA, BEN))
    centre.ready(ANNA)
    centre.at(1).ready(BEN)
    centre.did(centre.matcher.occupy(ANNA.id, centre.moment))
    centre.at(50).did(centre.matcher.vacate(ANNA.id, centre.moment))
    centre.call(1)
    assert centre.rung() == {1: 1}


def test_agent_is_engaged_until_the_last_of_several_other_calls_is_over() -> None:
    centre = staffed(1)
    for _ in range(2):
        centre.did(centre.matcher.occupy(ANNA.id, centre.moment))
    centre.did(centre.matcher.vacate(ANNA.id, centre.moment))
    assert centre.state(ANNA) == "engaged direct_call"
    centre.did(centre.matcher.vacate(ANNA.id, centre.moment))
    assert centre.state(ANNA) == "available"


def test_end_of_a_call_that_never_began_changes_nothing() -> None:
    centre = staffed(1)
    centre.did(centre.matcher.vacate(ANNA.id, centre.moment))
    centre.did(centre.matcher.occupy(ANNA.id, centre.moment))
    assert centre.state(ANNA) == "engaged direct_call"


def test_agent_who_comes_back_during_another_call_is_engaged_first() -> None:
    centre = staffed(1)
    centre.choose(ANNA, AWAY)
    centre.did(centre.matcher.occupy(ANNA.id, centre.moment))
    assert centre.state(ANNA) == "away"
    centre.choose(ANNA, AVAILABLE)
    assert centre.state(ANNA) == "engaged direct_call"
    centre.did(centre.matcher.vacate(ANNA.id, centre.moment))
    assert centre.state(ANNA) == "available"


def test_other_call_during_a_conversation_outlasts_it() -> None:
    centre = Centre(queue(wrap_up_seconds=0), agents=(ANNA,))
    centre.ready()
    call = centre.call(1)
    centre.decide(call)
    centre.did(centre.matcher.occupy(ANNA.id, centre.moment))
    centre.finish(call)
    assert centre.state(ANNA) == "engaged direct_call"
    assert centre.agent(ANNA).work_id is None


def test_end_of_another_call_does_not_end_the_conversation() -> None:
    centre = talking()
    centre.did(centre.matcher.occupy(ANNA.id, centre.moment))
    centre.did(centre.matcher.vacate(ANNA.id, centre.moment))
    assert centre.agent(ANNA).work_id == work_id(1)
    assert centre.state(ANNA) == "engaged"


# --- who may wait


def test_queue_that_is_full_refuses_and_counts_who_is_turned_away() -> None:
    centre = Centre(queue(max_waiting=1), agents=())
    centre.call(1)
    with pytest.raises(QueueFull):
        centre.call(2)
    item = WorkItem(work_id(2), centre.queues[0].id)
    centre.forget()
    centre.did(centre.matcher.turn_away(item, "full", centre.moment))
    assert centre.told() == ["queued call 2 at 2", "call 2 left: full"]
    seen = centre.queue()
    assert (seen.offered, seen.flowed_out, seen.waiting) == (2, 1, 1)


def test_unknown_queue_is_refused() -> None:
    with pytest.raises(UnknownQueue):
        Centre(SALES).call(1, queue(9))


def test_queue_tells_how_many_with_the_skill_are_logged_in() -> None:
    centre = Centre(SALES, agents=(ANNA, agent(2, support=5)))
    centre.choose(BEN, AVAILABLE)
    assert centre.queue(SALES).agents_logged_in == 0
    centre.choose(ANNA, AWAY)
    assert centre.queue(SALES).agents_logged_in == 1


def test_work_that_needs_agents_does_not_enter_a_deserted_queue() -> None:
    centre = Centre(SALES, agents=(ANNA,))
    with pytest.raises(NoAgents):
        centre.call(1, needs_agents=True)
    centre.choose(ANNA, AWAY)
    centre.call(1, needs_agents=True)
    assert centre.queue().waiting == 1


def test_work_that_needs_agents_is_given_up_when_nobody_came_back_for_a_while() -> None:
    centre = Centre(SALES, agents=(ANNA,))
    centre.choose(ANNA, AWAY)
    centre.call(1, needs_agents=True)
    centre.call(2)
    centre.at(10).choose(ANNA, OFFLINE)
    centre.forget()
    assert centre.matcher.next_timeout() == 40
    centre.at(39.9)
    assert centre.queue().waiting == 2
    centre.at(40)
    assert centre.told() == ["call 1 left: no_agents", "removed call 1: no_agents"]
    assert centre.matcher.next_timeout() is None


def test_agent_who_only_loads_the_page_again_costs_no_caller_the_place() -> None:
    centre = Centre(SALES, agents=(ANNA, BEN))
    centre.choose(ANNA, AWAY)
    centre.call(1, needs_agents=True)
    centre.choose(ANNA, OFFLINE)
    centre.at(20).choose(ANNA, AWAY)
    centre.at(100).choose(ANNA, OFFLINE)
    centre.at(120)
    assert centre.queue().waiting == 1


# --- configuration


def test_removed_queue_gives_its_callers_back_and_stops_their_ringing() -> None:
    other = queue(2)
    centre = Centre(SALES, other, agents=(ANNA,))
    centre.ready()
    centre.call(1)
    centre.call(2)
    centre.call(3, other)
    centre.forget()
    centre.configure((other,), (ANNA,))
    assert centre.told() == [
        "stop ringing",
        "offer of call 1 withdrawn",
        "call 1 left: closed",
        "agent 1 available after 0 ms",
        "removed call 1: closed",
        "call 2 left: closed",
        "removed call 2: closed",
        "agent 1 offered after 0 ms",
        "offered call 3 to agent 1",
    ]
    assert [q.name for q in centre.matcher.queues(centre.moment)] == ["queue2"]


def test_conversation_outlives_its_queue_with_its_wrap_up() -> None:
    centre = talking()
    centre.configure((), (ANNA,))
    centre.finish(work_id(1))
    assert centre.state(ANNA) == "wrap_up"
    assert centre.at(15).state(ANNA) == "available"


def test_changed_queue_keeps_its_callers_and_counts() -> None:
    centre = Centre(SALES, agents=(ANNA,))
    centre.call(1)
    centre.configure((queue(skill="support", name="help"),), (agent(1, support=1),))
    centre.ready(ANNA)
    assert centre.rung() == {1: 1}
    assert centre.queue().offered == 1
    assert [(seen.id, seen.name) for seen in centre.matcher.queues(centre.moment)] == [
        (SALES.id, "help")
    ]


def test_new_skill_lets_an_idle_agent_serve_who_waits() -> None:
    centre = Centre(SALES, agents=(agent(1, support=1),))
    centre.ready()
    centre.call(1)
    centre.configure((SALES,), (ANNA,))
    assert centre.rung() == {1: 1}


def test_lost_skill_takes_an_idle_agent_off_the_queue() -> None:
    centre = staffed(1)
    centre.configure((SALES,), (agent(1, support=1),))
    centre.call(1)
    assert centre.rung() == {}
    assert centre.queue().agents_logged_in == 0


def test_removed_agent_is_gone_at_once_when_idle() -> None:
    centre = staffed(1)
    centre.forget()
    centre.at(4).configure((SALES,), ())
    assert centre.told() == ["agent 1 offline removed after 4000 ms"]
    assert centre.matcher.agents() == ()
    assert centre.queue().agents_available == 0


def test_removed_agent_who_is_offline_leaves_without_a_word() -> None:
    centre = Centre(SALES, agents=(ANNA,))
    centre.configure((SALES,), ())
    assert centre.told() == []


def test_removed_agent_finishes_the_conversation_first() -> None:
    centre = talking()
    centre.configure((SALES,), ())
    assert centre.state(ANNA) == "engaged"
    with pytest.raises(UnknownAgent):
        centre.choose(ANNA, AWAY)
    centre.forget()
    centre.finish(work_id(1))
    assert centre.told() == ["agent 1 offline removed after 0 ms"]
    assert centre.matcher.agents() == ()


def test_removed_agent_who_does_not_answer_leaves_the_caller_in_line() -> None:
    centre = staffed(1)
    call = centre.call(1)
    centre.configure((SALES,), (BEN,))
    centre.decide(call, Outcome.NO_ANSWER)
    assert [a.id for a in centre.matcher.agents()] == [BEN.id]
    assert centre.queue().waiting == 1
    centre.ready(BEN)
    assert centre.rung() == {1: 2}


def test_removed_agent_whose_offer_is_withdrawn_goes() -> None:
    centre = staffed(1)
    call = centre.call(1)
    centre.configure((SALES,), ())
    centre.withdraw(call)
    assert centre.matcher.agents() == ()


def test_removed_agent_in_wrap_up_goes_and_the_timer_with_him() -> None:
    centre = talking()
    centre.finish(work_id(1))
    centre.configure((SALES,), ())
    assert centre.matcher.agents() == ()
    assert centre.matcher.next_timeout() is None


def test_agent_configured_again_during_the_conversation_stays() -> None:
    centre = talking()
    centre.configure((SALES,), ())
    centre.configure((SALES,), (ANNA,))
    centre.finish(work_id(1))
    assert centre.at(15).state(ANNA) == "available"


def test_agent_configured_again_as_the_queue_that_rings_him_closes_stays() -> None:
    centre = staffed(1)
    centre.call(1)
    centre.configure((SALES,), ())
    centre.configure((queue(2),), (ANNA,))
    assert centre.state(ANNA) == "available"


# --- the end


def test_closing_gives_everybody_back_and_offers_nothing_more() -> None:
    centre = staffed(1)
    centre.call(1)
    centre.call(2)
    centre.forget()
    centre.did(centre.matcher.close(centre.moment))
    assert centre.told() == [
        "stop ringing",
        "offer of call 1 withdrawn",
        "call 1 left: shutdown",
        "agent 1 available after 0 ms",
        "removed call 1: shutdown",
        "call 2 left: shutdown",
        "removed call 2: shutdown",
    ]
    centre.call(3)
    assert centre.rung() == {}


def test_conversations_are_not_ended_by_closing() -> None:
    centre = talking()
    centre.did(centre.matcher.close(centre.moment))
    assert centre.state(ANNA) == "engaged"
    centre.finish(work_id(1))
    assert centre.state(ANNA) == "wrap_up"


# --- what is seen from outside


def test_snapshots_are_ordered_by_extension_and_by_name() -> None:
    centre = Centre(queue(1, name="b"), queue(2, name="a"), agents=(BEN, ANNA))
    assert [a.extension for a in centre.matcher.agents()] == ["1001", "1002"]
    assert [q.name for q in centre.matcher.queues(centre.moment)] == ["a", "b"]


def test_agent_snapshot_says_since_when_the_state_lasts() -> None:
    centre = Centre(SALES, agents=(ANNA,))
    assert centre.agent(ANNA).since == NOON
    centre.at(7).ready()
    assert (centre.agent(ANNA).since - NOON).total_seconds() == 7
    assert centre.agent(ANNA).reachable
