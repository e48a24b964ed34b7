"""Calls other parties for a call's sake: every contact of a phone at once, or a trunk."""

import asyncio
import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from media.errors import MediaError
from telephony.calls.call import Call
from telephony.calls.party import Party, Refused
from telephony.directory import PhoneUser, Trunk
from telephony.events import LegRole
from telephony.sip.uri import NameAddress, SipUri
from telephony.transport.flow import Flow
from telephony.ua.leg_handler import Credentials, HeaderFields

log = logging.getLogger(__name__)

BUSY = frozenset({486, 600, 603})
AUTO_ANSWER: HeaderFields = (
    ("Call-Info", "<sip:murima.invalid>;answer-after=0"),
    ("Alert-Info", "<http://murima.invalid>;info=alert-autoanswer;delay=0"),
)
"""Asks a phone to take the call by itself: the two forms that phones understand."""
_TAKEN_ELSEWHERE = 'SIP;cause=200;text="Call completed elsewhere"'
_DECLINED_ELSEWHERE = 'SIP;cause=603;text="Declined elsewhere"'
"""Reasons (RFC 3326) with which a phone does not show the call as missed."""
_FOR_ALL = 600
"""From here on, a refusal speaks for every place where somebody can be reached."""
_OUTSIDE = re.compile(r"^\+?[0-9*#]{2,30}$")


class DialFailed(Exception):
    """Nobody took the call; `status` says best why."""

    def __init__(self, status: int, cause: str = "refused") -> None:
        super().__init__(str(status))
        self.status = status
        self.cause = cause
        """Of the call's end, if this ends it."""


@dataclass(frozen=True, slots=True)
class Target:
    """One place to ring."""

    name: str
    uri: SipUri
    flow: Flow | None = None
    agent_id: UUID | None = None
    credentials: Credentials | None = None


def phone_targets(call: Call, phone: PhoneUser) -> tuple[Target, ...]:
    """Every place where the phone's user is registered, and not known to be asleep."""
    bindings = call.context.registrar.bindings(phone.tenant_id, phone.user)
    silent = call.context.silent_flows
    return tuple(
        Target(phone.user, b.contact, b.flow, phone.agent_id)
        for b in bindings
        if b.flow not in silent
    )


def find_targets(call: Call, dialled: str) -> tuple[Target, ...]:
    """Where a dialled extension or outside number is; raises DialFailed."""
    directory = call.context.directory
    phone = directory.phone(call.tenant_id, dialled)
    if phone is not None:
        targets = phone_targets(call, phone)
        if not targets:
            raise DialFailed(480)
        return targets
    trunks = directory.outbound_trunks(call.tenant_id)
    if not trunks or not _OUTSIDE.match(dialled):
        raise DialFailed(404)
    for trunk in trunks:
        if not call.context.trunk_is_down(trunk):
            return (_trunk_target(trunk, dialled),)
    raise DialFailed(503, "trunk_down")


def _trunk_target(trunk: Trunk, number: str) -> Target:
    assert trunk.target is not None
    host, port, parameters = trunk.target.host, trunk.target.port, trunk.target.parameters
    uri = SipUri(trunk.target.scheme, host, user=number, port=port, parameters=parameters)
    credentials = None
    if trunk.username is not None and trunk.password is not None:
        credentials = Credentials(trunk.username, trunk.password)
    return Target(number, uri, credentials=credentials)


def caller_address(call: Call, display: str = "") -> NameAddress:
    """Who calls, as the called party should see it."""
    if not call.caller:
        # RFC 3323 section 4.1.1.3: nothing of it says who it is, nor where.
        return NameAddress(SipUri("sip", "anonymous.invalid", user="anonymous"), display)
    host, _ = call.context.endpoint.bound["udp"]
    return NameAddress(SipUri("sip", host, user=call.caller), display or call.caller)


async def ring(
    call: Call,
    targets: Sequence[Target],
    role: LegRole,
    *,
    from_: NameAddress,
    headers: HeaderFields = (),
    on_early_sound: Callable[[Party], None] | None = None,
) -> Party:
    """Ring all targets until the first answers; the others are let go.

    `on_early_sound` is told of who can be heard before the answer. Raises DialFailed when nobody
    answers, or somebody declines for all (RFC 3261 section 21.6). Cancelling stops the ringing.
    """
    parties: list[Party] = []
    winner, reason = None, None
    try:
        invited = (_invite(call, target, role, from_, headers) for target in targets)
        parties.extend(party for party in invited if party is not None)
        if on_early_sound is not None:
            for party in parties:
                party.hooks.early_sound = partial(on_early_sound, party)
        if not parties:
            raise DialFailed(503)
        winner = await _first_answer(parties)
        reason = _TAKEN_ELSEWHERE
    except DialFailed as failure:
        reason = _DECLINED_ELSEWHERE if failure.status >= _FOR_ALL else None
        raise
    finally:
        losers = [party for party in parties if party is not winner]
        try:
            await _let_go(call, losers, reason)
        except asyncio.CancelledError:
            # Nobody waits for the one who answered any more.
            if winner is not None:
                await _let_go(call, [winner], None)
            raise
    return winner


async def _let_go(call: Call, parties: Sequence[Party], reason: str | None) -> None:
    """All at once, and all of them even when cancelled meanwhile."""
    dropped = (call.drop_party(party, "not_answered", reason=reason) for party in parties)
    await asyncio.shield(asyncio.gather(*dropped))


def _invite(
    call: Call, target: Target, role: LegRole, from_: NameAddress, headers: HeaderFields
) -> Party | None:
    """None where there is no room for one more."""
    try:
        party = call.add_party(
            role,
            target.name,
            agent_id=target.agent_id,
            in_browser=target.flow is not None and target.flow.is_browser,
            is_phone=target.flow is not None,
        )
    except MediaError as error:
        log.warning("not rung for want of media", extra={"reason": error.code})
        return None
    leg = call.context.endpoint.invite(
        target.uri,
        handler=party,
        offer=party.session.make_offer(),
        from_=from_,
        to=NameAddress(target.uri.without_parameters()),
        flow=target.flow,
        headers=headers,
        credentials=target.credentials,
    )
    party.attach(leg)
    return party


async def _first_answer(parties: Sequence[Party]) -> Party:
    pending = {party.answered: party for party in parties}
    status = 480
    while pending:
        done, _ = await asyncio.wait(pending.keys(), return_when=asyncio.FIRST_COMPLETED)
        for answered in done:
            party = pending.pop(answered)
            try:
                answered.result()
            except Refused as refusal:
                if refusal.status >= _FOR_ALL:
                    raise DialFailed(refusal.status) from None
                # "Busy" and "no" are somebody's word; a phone that is out of reach says nothing.
                if refusal.status in BUSY or status == 480:
                    status = refusal.status
            except asyncio.CancelledError:
                continue
            else:
                return party
    raise DialFailed(status)
