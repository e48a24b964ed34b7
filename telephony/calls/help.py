"""An agent in a talk asks a supervisor for help: one request at a time in a call."""

from dataclasses import replace

from telephony.calls.call import Call, HelpRequest
from telephony.calls.handling import conversation_of
from telephony.calls.party import Party
from telephony.errors import NotPossible
from telephony.events import HelpEnded, HelpRequested, HelpTaken, LegId


def ask(call: Call, party: Party, reason: str, text: str) -> None:
    """Raises NotPossible while nobody talks, or while help is asked for already."""
    conversation = conversation_of(call)
    if call.help is not None:
        raise NotPossible("Help has been asked for in this call already.")
    now = call.context.utcnow()
    call.help = HelpRequest(party.id, party.agent_id, reason, text, now)
    call.context.publish(
        HelpRequested(
            tenant_id=call.tenant_id,
            at=now,
            call_id=call.id,
            leg_id=party.id,
            agent_id=party.agent_id,
            reason=reason,
            text=text,
        )
    )
    # However the agent's part in the talk ends, nobody needs to come any more.
    party.ended.add_done_callback(lambda _: _end(call, party.id, "call_ended"))
    conversation.ending.add_done_callback(lambda _: _end(call, party.id, "call_ended"))


def take(call: Call, who: str) -> bool:
    """Somebody says to come; whether they are the first. Raises NotPossible when nobody asks."""
    if call.help is None:
        raise NotPossible("Nobody asks for help in this call any more.")
    if call.help.taken_by is not None:
        return False
    call.help = replace(call.help, taken_by=who)
    call.context.publish(
        HelpTaken(
            tenant_id=call.tenant_id,
            at=call.context.utcnow(),
            call_id=call.id,
            leg_id=call.help.leg_id,
            by=who,
        )
    )
    return True


def withdraw(call: Call) -> None:
    """The agent needs no help any more. Raises NotPossible when none was asked for."""
    if call.help is None:
        raise NotPossible("Nobody asks for help in this call any more.")
    _end(call, call.help.leg_id, "withdrawn")


def _end(call: Call, leg_id: LegId, outcome: str) -> None:
    if call.help is None or call.help.leg_id != leg_id:
        return
    call.help = None
    call.context.publish(
        HelpEnded(
            tenant_id=call.tenant_id,
            at=call.context.utcnow(),
            call_id=call.id,
            leg_id=leg_id,
            outcome=outcome,
        )
    )
