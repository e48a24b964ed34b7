"""What a phone can dial to change something instead of talking to somebody."""

from routing.errors import RoutingError
from routing.events import AgentState
from telephony.calls.call import Call
from telephony.calls.party import Party
from telephony.calls.sound import spoken
from telephony.directory import PhoneUser

TOGGLE_AVAILABLE = "*45"
CODES = frozenset({TOGGLE_AVAILABLE})


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
