"""Agents after a restart."""

import asyncio
from datetime import timedelta
from typing import Any, cast
from uuid import UUID

import pytest

from casecore.store.agent_states import LastAgentState
from routing.dispatcher import Dispatcher
from server.bindings.agent_states import resume_states
from tests.support.centre import NOON, agent, queue
from tests.support.registrations import TENANT
from tests.support.virtual_time import run_virtual

ANNA = agent(1)


@pytest.mark.parametrize(
    ("state", "reason", "after"),
    [
        ("available", "", ("available", "")),
        ("offered", "", ("available", "")),
        ("engaged", "direct_call", ("available", "")),
        ("wrap_up", "", ("available", "")),
        ("away", "lunch", ("away", "lunch")),
        ("not_responding", "no_answer", ("away", "not_responding")),
        ("offline", "", ("offline", "")),
    ],
)
def test_an_agent_is_what_the_agent_was(state: str, reason: str, after: tuple[str, str]) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        dispatcher = Dispatcher(
            TENANT,
            cast("Any", None),
            lambda _: None,
            clock=loop.time,
            utcnow=lambda: NOON + timedelta(seconds=loop.time()),
            new_id=lambda: UUID(int=1),
        )
        dispatcher.configure([queue()], [ANNA])
        gone = LastAgentState(agent_id=UUID(int=77), state="available", reason="")
        last = LastAgentState(agent_id=ANNA.id, state=state, reason=reason)
        resume_states(dispatcher, [gone, last])
        now = dispatcher.agent(ANNA.id)
        assert (now.state.value, now.reason) == after

    run_virtual(main())
