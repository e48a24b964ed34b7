"""Calls that no queue hands out: a phone calls somebody, or we call two who are to talk."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from telephony.calls.call import Call
from telephony.calls.conversation import PassedOn
from telephony.calls.dialling import (
    DialFailed,
    caller_address,
    find_targets,
    phone_targets,
    ring,
)
from telephony.calls.early import EarlySound
from telephony.calls.party import Party
from telephony.calls.talk import talk
from telephony.directory import PhoneUser
from telephony.events import LegRole

if TYPE_CHECKING:
    from telephony.ua.incoming_leg import IncomingLeg

_RING_SECONDS = 45.0


async def connect_through(call: Call, caller: Party, leg: "IncomingLeg", sdp: bytes) -> str:
    """Ring whom the phone dialled; it is answered, with `sdp`, when somebody answers there."""
    early = EarlySound(call, caller, leg, sdp)
    try:
        targets = find_targets(call, call.called)
        async with asyncio.timeout(_RING_SECONDS):
            other = await ring(
                call,
                targets,
                LegRole.TARGET,
                from_=caller_address(call),
                on_early_sound=early.begin,
            )
    except DialFailed as failure:
        call.sip_status = failure.status
        leg.refuse(failure.status)
        return failure.cause
    except TimeoutError:
        call.sip_status = 480
        leg.refuse(480)
        return "no_answer"
    finally:
        await asyncio.shield(early.end())
    leg.answer(sdp)
    caller.note_answered()
    call.note_answered()
    return await _talk(call, caller, other)


async def connect_both(
    call: Call,
    phone: PhoneUser,
    flow: Callable[[Party], Awaitable[str]] | None,
) -> str:
    """Ring the phone; when it answers, run `flow` with it, or ring whom the call is to."""
    try:
        async with asyncio.timeout(_RING_SECONDS):
            mine = await _ring_own(call, phone)
            call.note_answered()
            mine.hooks.ended = lambda _: call.caller_gone("caller_hung_up")
            if flow is None:
                targets = find_targets(call, call.called)
                from_ = caller_address(call)
                other = await ring(call, targets, LegRole.TARGET, from_=from_)
    except DialFailed as failure:
        call.sip_status = failure.status
        return failure.cause
    except TimeoutError:
        return "no_answer"
    return await (_talk(call, mine, other) if flow is None else flow(mine))


async def _ring_own(call: Call, phone: PhoneUser) -> Party:
    targets = phone_targets(call, phone)
    if not targets:
        raise DialFailed(480)
    from_ = caller_address(call, f"Call to {call.called}")
    return await ring(call, targets, LegRole.CALLER, from_=from_)


async def _talk(call: Call, caller: Party, other: Party) -> str:
    ending = await talk(call, caller, other, recorded=False)
    if isinstance(ending, PassedOn):
        await call.pass_on(ending)
        return "transferred"
    return "caller_hung_up" if ending.party is caller else "target_hung_up"
