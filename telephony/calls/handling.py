"""What those who talk, and those who watch over them, can do with a call while it lasts."""

import asyncio
from uuid import UUID

from telephony.calls.audibility import ASIDE, MAIN, Member, Mode
from telephony.calls.call import Call
from telephony.calls.conversation import Conversation
from telephony.calls.dialling import (
    DialFailed,
    Target,
    caller_address,
    find_targets,
    phone_targets,
    ring,
)
from telephony.calls.party import Party
from telephony.directory import PhoneUser
from telephony.errors import NotPossible, UnknownTarget
from telephony.events import (
    ConsultBegan,
    ConsultEnded,
    ConsultSwapped,
    LegHeld,
    LegMuted,
    LegResumed,
    LegRole,
    LegUnmuted,
    SupervisionChanged,
    SupervisionEnded,
)

_RING_SECONDS = 30.0


def conversation_of(call: Call) -> Conversation:
    """Raises NotPossible while nobody talks."""
    if call.conversation is None or call.conversation.ending.done():
        raise NotPossible("Nobody talks in this call now.")
    return call.conversation


def party_of(call: Call, agent_id: object) -> Party:
    """The agent's party in the talk. Raises NotPossible."""
    conversation = conversation_of(call)
    for party in call.parties:
        if party.agent_id == agent_id and party in conversation:
            return party
    raise NotPossible("This agent does not talk in the call.")


def hold(call: Call, party: Party, *, held: bool) -> None:
    """Let the others hear music, or resume. Raises NotPossible."""
    conversation = conversation_of(call)
    was_held = conversation.member(party).is_away
    conversation.hold(party, held=held)
    if conversation.member(party).is_away is not was_held:
        _tell(call, party, LegHeld if held else LegResumed)


def mute(call: Call, party: Party, *, muted: bool) -> None:
    """Let nobody hear `party`, or let them again. Raises NotPossible."""
    conversation = conversation_of(call)
    member = conversation.member(party)
    if member.muted is not muted:
        member.muted = muted
        conversation.settle()
        _tell(call, party, LegMuted if muted else LegUnmuted)


def pass_on(call: Call, by: Party, *, to: str = "", queue: str = "") -> None:
    """Leave the other one to a number or a queue, without asking there first.

    Raises NotPossible or UnknownTarget.
    """
    conversation = conversation_of(call)
    if by not in conversation.between:
        raise NotPossible("Only one of the two who talk can pass the other on.")
    if queue:
        if call.context.dispatchers(call.tenant_id).find_queue(queue) is None:
            raise UnknownTarget(f"There is no queue {queue!r}.")
    else:
        _check_target(call, to)
    conversation.pass_on(by, to, queue=queue)


def refer(call: Call, by: Party, to: str, replaced: Party | None) -> int:
    """Pass the other one on as `by`'s phone asks; returns a SIP status, 202 for yes.

    `replaced` is where the same phone talks in another call: whoever it talks with there is meant.
    """
    try:
        if replaced is None:
            pass_on(call, by, to=to)
        else:
            _join_calls(call, by, replaced)
    except UnknownTarget:
        return 404
    except NotPossible:
        return 603
    return 202


def _join_calls(call: Call, by: Party, replaced: Party) -> None:
    other = replaced.call
    if not isinstance(other, Call) or other is call or other.tenant_id != call.tenant_id:
        raise NotPossible("These calls cannot be joined.")
    there = conversation_of(other)
    conversation = conversation_of(call)
    if by not in conversation.between or replaced not in there.between:
        raise NotPossible("Only one of the two who talk can pass the other on.")
    wanted = there.other_than(replaced)
    other.release(wanted)
    call.adopt(wanted)
    conversation.pass_on(by, wanted)


def consult(call: Call, by: Party, to: str) -> None:
    """Ring somebody for advice; the other one hears music until it is over.

    Raises NotPossible or UnknownTarget.
    """
    conversation = conversation_of(call)
    if by not in conversation.between:
        raise NotPossible("Only one of the two who talk can ask somebody for advice.")
    if call.consulting is not None or conversation.consulted is not None:
        raise NotPossible("Somebody is being asked already.")
    try:
        targets = find_targets(call, to)
    except DialFailed as failure:
        raise _unreachable(to, failure) from failure
    conversation.asker = by
    conversation.member(by).room = ASIDE
    conversation.settle()
    _tell(call, by, ConsultBegan, target=to)
    asking = _ask(call, conversation, by, targets)
    call.consulting = call.side_tasks.start(asking, name=f"consult {to}")


def complete(call: Call, by: Party) -> None:
    """Leave the other one to whoever was asked. Raises NotPossible."""
    conversation = conversation_of(call)
    consulted = _consulted(conversation)
    _tell(call, by, ConsultEnded, outcome="transferred")
    conversation.pass_on(by, consulted)


def cancel(call: Call, by: Party) -> None:
    """Go back to the other one without whoever was asked, or is still rung. Raises NotPossible."""
    conversation = conversation_of(call)
    if call.consulting is not None:
        call.consulting.cancel()
    elif (consulted := conversation.consulted) is not None:
        conversation.leave(consulted)
        call.let_go(consulted)
        _back(call, conversation, by, "resumed")
    else:
        raise NotPossible("Nobody is being asked for advice.")


def conference(call: Call, by: Party) -> None:
    """All three talk with one another. Raises NotPossible."""
    conversation = conversation_of(call)
    _consulted(conversation)
    _back(call, conversation, by, "conference")


def swap(call: Call, by: Party) -> None:
    """Talk with the one who waits, of the other one and whoever was asked. Raises NotPossible."""
    conversation = conversation_of(call)
    _consulted(conversation)
    member = conversation.member(by)
    member.room = MAIN if member.room == ASIDE else ASIDE
    conversation.settle()
    _tell(call, by, ConsultSwapped, aside=member.room == ASIDE)


def supervise(
    call: Call,
    supervisor: PhoneUser,
    mode: Mode,
    follows: Party,
    *,
    user_id: UUID | None = None,
) -> None:
    """Bring a supervisor in, or change how they take part; `follows` is the agent.

    The first time their phone is rung; afterwards the change is heard at once. Raises NotPossible
    or UnknownTarget.
    """
    conversation = conversation_of(call)
    party = supervising(call, supervisor)
    if party is not None:
        change_mode(call, party, mode, follows)
        return
    targets = phone_targets(call, supervisor)
    if not targets:
        raise UnknownTarget(f"The phone {supervisor.user} is not registered.")
    if any(_is_supervisor(party, supervisor) for party in call.parties):
        raise NotPossible("Your phone is being rung already.")
    joining = _join(call, conversation, targets, mode, follows, user_id)
    call.side_tasks.start(joining, name=f"supervise {call.id}")


def change_mode(call: Call, supervisor: Party, mode: Mode, follows: Party) -> None:
    """Let one who takes part already do so in another way, at once. Raises NotPossible."""
    conversation = conversation_of(call)
    member = conversation.member(supervisor)
    member.mode, member.follows = mode, follows
    conversation.settle()
    _tell_supervision(call, supervisor, mode.value, follows)


def take_over(call: Call, supervisor: PhoneUser, agent: Party) -> None:
    """The agent leaves, the supervisor goes on with the caller. Raises NotPossible."""
    conversation = conversation_of(call)
    party = supervising(call, supervisor)
    if party is None:
        raise NotPossible("Listen to the call before you take it over.")
    conversation.member(party).mode = Mode.TALK
    _tell_supervision(call, party, "take_over", agent)
    _tell(call, party, SupervisionEnded, user_id=party.user_id)
    conversation.pass_on(agent, party)


def stop_supervising(call: Call, supervisor: PhoneUser) -> None:
    """Raises NotPossible."""
    conversation = conversation_of(call)
    party = supervising(call, supervisor)
    if party is None:
        raise NotPossible("You do not take part in this call.")
    conversation.leave(party)
    _tell(call, party, SupervisionEnded, user_id=party.user_id)
    call.let_go(party)


def somebody_gone(call: Call, member: Member[Party], asker: Party | None) -> None:
    """One who had joined the two has hung up; `asker` had asked them for advice."""
    if asker is not None:
        _tell(call, asker, ConsultEnded, outcome="resumed")
    elif member.mode is not Mode.TALK:
        _tell(call, member.key, SupervisionEnded, user_id=member.key.user_id)
    call.let_go(member.key)


def end_supervisions(call: Call, conversation: Conversation) -> None:
    """The talk is over, and with it what was supervised."""
    for member in conversation:
        if member.mode is not Mode.TALK:
            _tell(call, member.key, SupervisionEnded, user_id=member.key.user_id)


def supervising(call: Call, phone: PhoneUser) -> Party | None:
    """The supervisor's party, once it has answered."""
    conversation = conversation_of(call)
    here = (party for party in call.parties if party in conversation)
    return next((party for party in here if _is_supervisor(party, phone)), None)


def _is_supervisor(party: Party, phone: PhoneUser) -> bool:
    return party.role is LegRole.SUPERVISOR and party.name == phone.user


# --- what takes its time


async def _ask(
    call: Call, conversation: Conversation, by: Party, targets: tuple[Target, ...]
) -> None:
    outcome = "resumed"
    try:
        async with asyncio.timeout(_RING_SECONDS):
            from_ = caller_address(call, f"Consultation: {by.name}")
            asked = await ring(call, targets, LegRole.TARGET, from_=from_)
        if conversation.ending.done():
            call.let_go(asked)
            return
        conversation.join(asked, room=ASIDE)
        outcome = ""
    except DialFailed as failure:
        outcome = f"failed_{failure.status}"
    except TimeoutError:
        outcome = "no_answer"
    finally:
        call.consulting = None
        if outcome and not conversation.ending.done():
            _back(call, conversation, by, outcome)


async def _join(
    call: Call,
    conversation: Conversation,
    targets: tuple[Target, ...],
    mode: Mode,
    follows: Party,
    user_id: UUID | None,
) -> None:
    try:
        async with asyncio.timeout(_RING_SECONDS):
            from_ = caller_address(call, f"Supervise: {follows.name}")
            party = await ring(call, targets, LegRole.SUPERVISOR, from_=from_)
    except (DialFailed, TimeoutError):
        return
    if conversation.ending.done() or follows not in conversation:
        call.let_go(party)
        return
    party.user_id = user_id
    conversation.join(party, mode=mode, follows=follows)
    _tell_supervision(call, party, mode.value, follows)


def _back(call: Call, conversation: Conversation, by: Party, outcome: str) -> None:
    conversation.come_back()
    _tell(call, by, ConsultEnded, outcome=outcome)


def _consulted(conversation: Conversation) -> Party:
    consulted = conversation.consulted
    if consulted is None:
        raise NotPossible("Nobody who was asked for advice has answered.")
    return consulted


def _check_target(call: Call, to: str) -> None:
    if call.context.directory.flow_of_number(call.tenant_id, to) is not None:
        return
    try:
        find_targets(call, to)
    except DialFailed as failure:
        raise _unreachable(to, failure) from failure


def _unreachable(to: str, failure: DialFailed) -> UnknownTarget:
    if failure.status == 480:
        return UnknownTarget(f"The phone {to} is not registered.")
    if failure.status == 503:
        return UnknownTarget("The trunk to the outside is down.")
    return UnknownTarget(f"Nobody is reached by {to!r}.")


def _tell_supervision(call: Call, party: Party, mode: str, follows: Party) -> None:
    _tell(
        call,
        party,
        SupervisionChanged,
        mode=mode,
        supervised=follows.id,
        user_id=party.user_id,
    )


def _tell(call: Call, party: Party, kind: type, **details: object) -> None:
    call.context.publish(
        kind(
            tenant_id=call.tenant_id,
            at=call.context.utcnow(),
            call_id=call.id,
            leg_id=party.id,
            **details,
        )
    )
