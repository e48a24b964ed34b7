"""Puts agents back into the state they had before a restart: nobody told them that it happened."""

import logging
from collections.abc import Iterable

from casecore.store.agent_states import LastAgentState
from routing.dispatcher import Dispatcher
from routing.errors import RoutingError
from routing.events import AgentId, AgentState

log = logging.getLogger(__name__)

_AT_WORK = frozenset(
    {AgentState.AVAILABLE, AgentState.OFFERED, AgentState.ENGAGED, AgentState.WRAP_UP}
)
"""A call ended with the server; whoever was in one, or just after one, is free again."""


def resume_states(dispatcher: Dispatcher, last: Iterable[LastAgentState]) -> None:
    """Ask for each agent's last state; who did not respond stays away until somebody says so."""
    for each in last:
        state, reason = AgentState(each.state), each.reason
        if state is AgentState.OFFLINE:
            continue
        if state in _AT_WORK:
            state, reason = AgentState.AVAILABLE, ""
        elif state is AgentState.NOT_RESPONDING:
            state, reason = AgentState.AWAY, "not_responding"
        try:
            dispatcher.set_agent_state(AgentId(each.agent_id), state, reason)
        except RoutingError as error:
            details = {"agent_id": str(each.agent_id), "error": str(error)}
            log.warning("agent's state could not be resumed", extra=details)
