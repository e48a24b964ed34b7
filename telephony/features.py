"""What a phone can dial to change something instead of talking to somebody."""

import asyncio

from routing.errors import RoutingError
from routing.events import AgentState
from telephony.calls.call import Call
from telephony.calls.party import Party
from telephony.calls.sound import spoken
from telephony.directory import PhoneUser

TOGGLE_AVAILABLE = "*45"
ECHO_TEST = "*43"
"""The caller hears itself: for tests of a phone, whatever numbers the tenant has."""
CODES = frozenset({TOGGLE_AVAILABLE, ECHO_TEST})
_ECHO_SECONDS = 60.0


async def run_feature(call: Call, caller: Party, phone: PhoneUser) -> str:
    """What the dialled code stands for; returns the cause of the call's end."""
    if call.called == ECHO_TEST:
        return await echo(call, caller)
    return await toggle_available(call, caller, phone)


async def echo(call: Call, caller: Party) -> str:
    """Until the caller hangs up or presses a key, a minute at most."""
    bridge = call.context.engine.open_bridge(caller.media)
    try:
        bridge.add(caller.media)
        bridge.set_gain(caller.media, caller.media, 0.0)
        await caller.next_digit(_ECHO_SECONDS)
    finally:
        await asyncio.shield(bridge.close())
    return "flow_ended"


async def toggle_available(call: Call, caller: Party, phone: PhoneUser) -> str:
    """Available becomes away, anything else available; the phone is told which."""
    text = "This phone belongs to no agent."
    if phone.agent_id is not None:
        dispatcher = call.context.dispatchers(phone.tenant_id)
        try:
            state = dispatcher.agent(phone.agent_id).state
            wanted = AgentState.AWAY if state is AgentState.AVAILABLE else AgentState.AVAILABLE
            reason = "phone" if wanted is AgentState.AWAY else ""
            dispatcher.set_agent_state(phone.agent_id, wanted, reason)
            available = wanted is AgentState.AVAILABLE
            text = "You are available." if available else "You are away."
        except RoutingError:
            text = "That is not possible now."
    if (audio := await spoken(call, text)) is not None:
        await caller.media.play(audio).finished()
    return "flow_ended"
