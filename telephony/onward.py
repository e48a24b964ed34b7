"""Where somebody goes who was passed on: to another person, a number, a flow or a queue."""

import asyncio
import logging

from media.errors import MediaError
from routing.ivr.orders import JoinQueue, Served
from telephony.calls.call import Call
from telephony.calls.conversation import PassedOn
from telephony.calls.dialling import DialFailed, caller_address, find_targets, ring
from telephony.calls.party import Party
from telephony.calls.sound import music, spoken
from telephony.calls.talk import occupied, talk
from telephony.events import CallTransferred, LegRole
from telephony.flows import FlowRunner, QueueDesk

log = logging.getLogger(__name__)

_RING_SECONDS = 30.0
_FIRST = 1_000
"""Priority of who must not wait behind others again; flows and queues give a hundred at most."""


async def go_on(call: Call, onward: PassedOn, desk: QueueDesk) -> str:
    """Returns the cause of the call's end; `call.onward` says where else it goes."""
    stays = onward.stays
    to = onward.to if isinstance(onward.to, str) else onward.to.name
    call.context.publish(
        CallTransferred(
            tenant_id=call.tenant_id,
            at=call.context.utcnow(),
            call_id=call.id,
            target=onward.queue or to,
        )
    )
    if onward.queue:
        order = JoinQueue(
            onward.queue,
            priority=_FIRST if onward.first else 0,
            max_wait_seconds=None,
            needs_agents=False,
        )
        result = await desk.serve(call, stays, order)
        if isinstance(result, Served):
            return "agent_hung_up"
        await _say_nobody_can(call, stays)
        return "not_served"
    if isinstance(onward.to, Party):
        return await _talk(call, stays, onward.to)
    version = call.context.directory.flow_of_number(call.tenant_id, to)
    if version is not None:
        return await FlowRunner(call, stays, version, desk).run()
    other = await _ring(call, stays, to) or await _ring_back(call, stays, onward)
    if other is not None:
        return await _talk(call, stays, other)
    await _say_nobody_can(call, stays)
    return "no_answer"


async def _say_nobody_can(call: Call, stays: Party) -> None:
    audio = await spoken(call, "Nobody can take your call now. Please try again later.")
    if audio is not None:
        await stays.media.play(audio).finished()


async def _ring_back(call: Call, stays: Party, onward: PassedOn) -> Party | None:
    """Nobody took it: whoever passed the call on hears so by getting it back."""
    return await _ring(call, stays, onward.by.name, "Returned: ")


async def _ring(call: Call, stays: Party, to: str, why: str = "") -> Party | None:
    """Whoever answers; None where nobody does."""
    stays.media.play(await music(call), loop=True)
    try:
        targets = find_targets(call, to)
        async with asyncio.timeout(_RING_SECONDS):
            from_ = caller_address(call, f"{why}{stays.name or 'withheld number'}")
            return await ring(call, targets, LegRole.TARGET, from_=from_)
    except (DialFailed, TimeoutError):
        return None
    finally:
        stays.media.stop_playing()


async def _talk(call: Call, stays: Party, other: Party) -> str:
    try:
        # When a queue's caller has gone, it may be the agent who stays, with a colleague: what they
        # say is for nobody's record.
        recorded = call.is_recorded and stays.role is not LegRole.AGENT
        with occupied(call, stays):
            ending = await talk(call, stays, other, recorded=recorded)
    except MediaError as error:
        log.error("transfer cannot be joined", extra={"error": str(error)})
        return "failed"
    if not isinstance(ending, PassedOn):
        return "caller_hung_up" if ending.party is stays else "target_hung_up"
    await call.pass_on(ending)
    return "transferred"
