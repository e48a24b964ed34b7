"""INVITE server transaction (RFC 3261 section 17.2.1, with the Accepted state of RFC 6026).

Sans-IO: the caller passes the clock in and carries out the effects it gets back.
"""

from collections.abc import Sequence
from enum import Enum, auto

from telephony.sip.effects import (
    AckNotReceived,
    AckReceived,
    Effect,
    InvalidTransition,
    SendMessage,
    TransportFailed,
)
from telephony.sip.timers import GIVE_UP, T1, T2, T4


class State(Enum):
    PROCEEDING = auto()
    ACCEPTED = auto()
    COMPLETED = auto()
    CONFIRMED = auto()
    TERMINATED = auto()


_ALLOWED = {
    State.PROCEEDING: {State.ACCEPTED, State.COMPLETED},
    State.ACCEPTED: {State.TERMINATED},
    State.COMPLETED: {State.CONFIRMED, State.TERMINATED},
    State.CONFIRMED: {State.TERMINATED},
    State.TERMINATED: set[State](),
}


class InviteServerTransaction:
    """One INVITE as seen by the server side, from the first request to silence."""

    __slots__ = ("state", "_reliable", "_last", "_interval", "_retransmit_at", "_expires_at")

    def __init__(self, *, reliable: bool) -> None:
        self.state = State.PROCEEDING
        self._reliable = reliable
        self._last: bytes | None = None
        self._interval = T1
        self._retransmit_at: float | None = None  # timer G
        self._expires_at: float | None = None  # timer H, I or L, by state

    @property
    def terminated(self) -> bool:
        return self.state is State.TERMINATED

    @property
    def answered(self) -> bool:
        """A final response was sent."""
        return self.state is not State.PROCEEDING

    @property
    def settled(self) -> bool:
        """It lives on only to absorb repeats, which nobody would miss much."""
        return self.state in (State.CONFIRMED, State.TERMINATED)

    def next_timeout(self) -> float | None:
        # Timer G always fires before H: the last repeat is due at 31.5 s.
        return self._expires_at if self._retransmit_at is None else self._retransmit_at

    def receive_invite(self) -> Sequence[Effect]:
        """Answer a retransmitted INVITE; RFC 6026 absorbs it once Accepted."""
        if self.state in (State.PROCEEDING, State.COMPLETED) and self._last is not None:
            return [SendMessage(self._last)]
        return []

    def receive_ack(self, *, now: float) -> Sequence[Effect]:
        if self.state is State.COMPLETED:
            self._enter(State.CONFIRMED, expires_at=now if self._reliable else now + T4)
        return [AckReceived()] if self.state is State.ACCEPTED else []

    def send_response(self, status: int, data: bytes, *, now: float) -> Sequence[Effect]:
        if status < 200:
            if self.state is not State.PROCEEDING:
                raise InvalidTransition(f"{status} in {self.state.name}")
            self._last = data
        elif status < 300:
            if self.state is not State.ACCEPTED:  # RFC 6026: the user repeats its 2xx
                self._enter(State.ACCEPTED, expires_at=now + GIVE_UP)
            self._last = None  # absorbed repeats need no answer, so keep no bytes
        else:
            self._enter(State.COMPLETED, expires_at=now + GIVE_UP)
            self._retransmit_at = None if self._reliable else now + T1
            self._last = data
        return [SendMessage(data)]

    def transport_failed(self) -> Sequence[Effect]:
        """RFC 6026: "the server transaction MUST inform the TU" but keeps its state."""
        return [] if self.terminated else [TransportFailed()]

    def handle_timeout(self, *, now: float) -> Sequence[Effect]:
        if self._expires_at is not None and now >= self._expires_at:
            unacknowledged = self.state is State.COMPLETED
            self._enter(State.TERMINATED, expires_at=None)
            return [AckNotReceived()] if unacknowledged else []
        if self._retransmit_at is not None and now >= self._retransmit_at and self._last:
            self._interval = min(2 * self._interval, T2)
            self._retransmit_at = now + self._interval
            if self._expires_at is not None and self._retransmit_at >= self._expires_at:
                self._retransmit_at = None
            return [SendMessage(self._last)]
        return []

    def _enter(self, state: State, *, expires_at: float | None) -> None:
        if state not in _ALLOWED[self.state]:
            raise InvalidTransition(f"{self.state.name} -> {state.name}")
        self.state, self._expires_at, self._retransmit_at = state, expires_at, None
