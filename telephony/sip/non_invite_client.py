"""Non-INVITE client transaction (RFC 3261 section 17.1.2). Sans-IO."""

from collections.abc import Sequence
from enum import Enum, auto

from telephony.sip.effects import (
    Effect,
    InvalidTransition,
    ResponseReceived,
    SendMessage,
    TimedOut,
    TransportFailed,
)
from telephony.sip.message import Response
from telephony.sip.timers import GIVE_UP, T1, T2, T4


class State(Enum):
    TRYING = auto()
    PROCEEDING = auto()
    COMPLETED = auto()
    TERMINATED = auto()


_ALLOWED = {
    State.TRYING: {State.PROCEEDING, State.COMPLETED, State.TERMINATED},
    State.PROCEEDING: {State.COMPLETED, State.TERMINATED},
    State.COMPLETED: {State.TERMINATED},
    State.TERMINATED: set[State](),
}


class NonInviteClientTransaction:
    """One request of ours other than INVITE and ACK, repeated until somebody answers."""

    __slots__ = ("state", "_data", "_reliable", "_interval", "_retransmit_at", "_expires_at")

    def __init__(self, data: bytes, *, reliable: bool) -> None:
        self.state = State.TRYING
        self._data = data
        self._reliable = reliable
        self._interval = T1
        self._retransmit_at: float | None = None  # timer E
        self._expires_at: float | None = None  # timer F or K, by state

    @property
    def terminated(self) -> bool:
        return self.state is State.TERMINATED

    @property
    def settled(self) -> bool:
        """It lives on only to absorb repeats, which nobody would miss much."""
        return self.state in (State.COMPLETED, State.TERMINATED)

    def next_timeout(self) -> float | None:
        if self._retransmit_at is None or self._expires_at is None:
            return self._expires_at
        return min(self._retransmit_at, self._expires_at)

    def start(self, *, now: float) -> Sequence[Effect]:
        self._expires_at = now + GIVE_UP
        self._retransmit_at = None if self._reliable else now + T1
        return [SendMessage(self._data)]

    def receive_response(self, response: Response, *, now: float) -> Sequence[Effect]:
        if self.state in (State.COMPLETED, State.TERMINATED):
            return []
        if response.status >= 200:
            self._enter(State.COMPLETED)
            self._retransmit_at = None
            self._expires_at = now if self._reliable else now + T4
        elif self.state is State.TRYING:
            self._enter(State.PROCEEDING)
        return [ResponseReceived(response)]

    def transport_failed(self) -> Sequence[Effect]:
        return self._fail(TransportFailed())

    def handle_timeout(self, *, now: float) -> Sequence[Effect]:
        if self._expires_at is not None and now >= self._expires_at:
            return self._fail(TimedOut())
        if self._retransmit_at is not None and now >= self._retransmit_at:
            # "If timer E fires while in the Proceeding state, it is reset to T2 seconds."
            proceeding = self.state is State.PROCEEDING
            self._interval = T2 if proceeding else min(2 * self._interval, T2)
            self._retransmit_at = now + self._interval
            return [SendMessage(self._data)]
        return []

    def _fail(self, effect: Effect) -> Sequence[Effect]:
        """End it; nobody needs to hear of a transaction that had its answer."""
        if self.terminated:
            return []
        answered = self.state is State.COMPLETED
        self._enter(State.TERMINATED)
        self._retransmit_at = self._expires_at = None
        return [] if answered else [effect]

    def _enter(self, state: State) -> None:
        if state not in _ALLOWED[self.state]:
            raise InvalidTransition(f"{self.state.name} -> {state.name}")
        self.state = state
