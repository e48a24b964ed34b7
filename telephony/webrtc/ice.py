"""An ICE-lite agent (RFC 8445 section 2.5): it answers checks, and takes the path that the browser
nominates. Sans-IO.

A lite agent sends no checks of its own, so the browser's checks are also what shows that it still
consents to be sent to (RFC 7675).
"""

import struct
from dataclasses import dataclass
from typing import TypeAlias

from aioice import stun

from telephony.webrtc.parameters import Address, IceCredentials

CONSENT_SECONDS = 30.0
_MOST_ADDRESSES = 16
_ROLE_CONFLICT = (487, "Role Conflict")


@dataclass(frozen=True, slots=True)
class Send:
    data: bytes
    to: Address


@dataclass(frozen=True, slots=True)
class Nominated:
    """This is the path from now on."""

    address: Address


Effect: TypeAlias = Send | Nominated


@dataclass(slots=True)
class _Generation:
    """One pair of credentials; an ICE restart begins another."""

    local: IceCredentials
    remote_ufrag: str | None = None
    """None while we only offered: the browser's answer may come after its checks."""
    waiting: tuple[Address, str] | None = None
    """The last nomination from before that, and the ufrag it was made under."""


class IceLite:
    def __init__(self, local: IceCredentials) -> None:
        self._generations = [_Generation(local)]
        self._addresses: dict[Address, None] = {}
        self._heard_at: float | None = None
        self.nominated: Address | None = None

    @property
    def consent_until(self) -> float | None:
        """When the browser counts as gone unless a check comes; None before there is a path."""
        return None if self._heard_at is None else self._heard_at + CONSENT_SECONDS

    def has_checked(self, address: Address) -> bool:
        """Whether a genuine check came from there lately."""
        return address in self._addresses

    def set_remote(self, ufrag: str, *, now: float) -> list[Effect]:
        """Say who may nominate under our newest credentials."""
        generation = self._generations[-1]
        generation.remote_ufrag = ufrag
        waiting, generation.waiting = generation.waiting, None
        if waiting is None or waiting[1] != ufrag:
            return []
        return self._nominate(generation, waiting[0], now)

    def restart(self, local: IceCredentials) -> None:
        """Also answer under new credentials; the old ones hold until a path of these is
        nominated."""
        self._generations = [self._generations[0], _Generation(local)]

    def receive(self, data: bytes, source: Address, *, now: float) -> list[Effect]:
        """Take one STUN message. What is not a genuine check of our peer is not even answered."""
        message = _parsed(data)
        if message is None:
            return []
        local, _, remote = message.attributes["USERNAME"].partition(":")
        generation = self._generation(local)
        if generation is None:
            return []
        key = generation.local.password.encode()
        if not message.check_message_integrity(key):
            return []
        if generation.remote_ufrag not in (None, remote):
            return []
        if "ICE-CONTROLLED" in message.attributes:
            # We are controlled, as a lite agent always is: the other side must give way.
            return [Send(_answer(message, key, source, error=_ROLE_CONFLICT), source)]
        self._remember(source)
        effects: list[Effect] = [Send(_answer(message, key, source), source)]
        if source == self.nominated:
            self._heard_at = now
        if "USE-CANDIDATE" in message.attributes:
            if generation.remote_ufrag is None:
                generation.waiting = (source, remote)
            else:
                effects += self._nominate(generation, source, now)
        return effects

    def _generation(self, ufrag: str) -> _Generation | None:
        return next((g for g in self._generations if g.local.ufrag == ufrag), None)

    def _nominate(self, generation: _Generation, address: Address, now: float) -> list[Effect]:
        """The last nomination counts: browsers nominate one path for a lite agent, and another one
        only when they have left the first."""
        if generation is self._generations[-1]:
            self._generations = [generation]
        self._heard_at = now
        if address == self.nominated:
            return []
        self.nominated = address
        return [Nominated(address)]

    def _remember(self, address: Address) -> None:
        self._addresses.pop(address, None)
        self._addresses[address] = None
        while len(self._addresses) > _MOST_ADDRESSES:
            oldest = next(a for a in self._addresses if a != self.nominated)
            del self._addresses[oldest]


def _parsed(data: bytes) -> stun.Message | None:
    """A binding request that has all that a check must have, or None."""
    try:
        message = stun.parse_message(data)
    except (ValueError, struct.error):
        return None
    is_check = (
        message.message_class == stun.Class.REQUEST
        and message.message_method == stun.Method.BINDING
        and {"USERNAME", "MESSAGE-INTEGRITY", "FINGERPRINT"} <= message.attributes.keys()
    )
    return message if is_check else None


def _answer(
    check: stun.Message, key: bytes, source: Address, *, error: tuple[int, str] | None = None
) -> bytes:
    answer = stun.Message(
        message_method=stun.Method.BINDING,
        message_class=stun.Class.ERROR if error else stun.Class.RESPONSE,
        transaction_id=check.transaction_id,
    )
    if error:
        answer.attributes["ERROR-CODE"] = error
    else:
        answer.attributes["XOR-MAPPED-ADDRESS"] = source
    answer.add_message_integrity(key)
    return bytes(answer)
