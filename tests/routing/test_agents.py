import pytest

from routing.agents import ALLOWED, REQUESTABLE, Agent
from routing.errors import InvalidTransition
from routing.events import AgentState
from tests.support.centre import NOON, agent


def test_every_state_has_its_moves_and_a_way_back_to_available() -> None:
    assert ALLOWED.keys() == set(AgentState)
    for state in AgentState:
        reached, ahead = set[AgentState](), [state]
        while ahead:
            for following in ALLOWED[ahead.pop()] - reached:
                reached.add(following)
                ahead.append(following)
        assert AgentState.AVAILABLE in reached


def test_states_a_person_may_ask_for_can_follow_every_state_but_a_conversation() -> None:
    for state in AgentState:
        if state not in REQUESTABLE and state is not AgentState.ENGAGED:
            assert ALLOWED[state] >= REQUESTABLE


@pytest.mark.parametrize(
    ("before", "after"),
    [(a, b) for a in AgentState for b in AgentState if b not in ALLOWED[a]],
)
def test_move_that_is_not_in_the_table_is_our_bug(before: AgentState, after: AgentState) -> None:
    somebody = Agent(agent(1), NOON, 0.0, state=before)
    with pytest.raises(InvalidTransition):
        somebody.enter(after, reason="")
    assert somebody.state is before
