"""An agent's browser that is lost in a talk: the other one waits while the agent comes back.

A page that is loaded again, or a machine that changes its network, has a new leg within seconds;
nobody needs to lose a caller for that.
"""

import asyncio

from telephony.calls.call import Call
from telephony.calls.conversation import Conversation, Left, is_lost
from telephony.calls.dialling import (
    AUTO_ANSWER,
    DialFailed,
    caller_address,
    phone_targets,
    ring,
)
from telephony.calls.party import Party
from telephony.directory import PhoneUser
from telephony.events import LegHeld

RETURN_SECONDS = 20.0
"""How long the other one waits for the agent."""
_AGAIN_SECONDS = 0.25
_REFUSED_SECONDS = 2.0
"""A page that still believes in the call it lost says that it is busy."""


def wait_for(call: Call, conversation: Conversation, party: Party) -> bool:
    """Begin to wait for somebody who was lost; False where it is an end like any other."""
    phone = call.context.directory.phone(call.tenant_id, party.name)
    if not is_lost(party) or phone is None:
        return False
    conversation.hold(party, held=True, by="lost")
    call.context.publish(
        LegHeld(
            tenant_id=call.tenant_id,
            at=call.context.utcnow(),
            call_id=call.id,
            leg_id=party.id,
        )
    )
    if party.sip is not None:
        party.sip.hang_up()
    if conversation.asker is party and call.consulting is not None:
        # Whoever answered now would find nobody there.
        call.consulting.cancel()
    waiting = _bring_back(call, conversation, party, phone)
    task = call.side_tasks.start(waiting, name=f"wait for {party.id}")
    # Others went on without the agent, who must not be called into another talk.
    conversation.ending.add_done_callback(lambda _: task.cancel())
    return True


async def _bring_back(
    call: Call, conversation: Conversation, party: Party, phone: PhoneUser
) -> None:
    try:
        async with asyncio.timeout(RETURN_SECONDS):
            back = await _ring(call, conversation, party, phone)
    except TimeoutError:
        conversation.end(Left(party))
        return
    if conversation.ending.done():
        # It was over in the moment in which the agent answered.
        call.let_go(back)
        return
    conversation.replace(party, back)
    if party is call.parties[0]:
        call.succeed(back)
    call.let_go(party)


async def _ring(call: Call, conversation: Conversation, party: Party, phone: PhoneUser) -> Party:
    """The agent's phone takes the call by itself wherever it is registered, as soon as it is."""
    other = conversation.other_than(party)
    from_ = caller_address(call, f"Returned: {other.name or 'withheld number'}")
    while True:
        targets = phone_targets(call, phone)
        if targets:
            try:
                return await ring(call, targets, party.role, from_=from_, headers=AUTO_ANSWER)
            except DialFailed:
                await asyncio.sleep(_REFUSED_SECONDS)
        await asyncio.sleep(_AGAIN_SECONDS)
