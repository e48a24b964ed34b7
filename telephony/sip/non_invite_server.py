"""Non-INVITE server transaction (RFC 3261 section 17.2.2). Sans-IO."""

from collections.abc import Sequence
from enum import Enum, auto

from telephony.sip.effects import Effect, InvalidTransition, SendMessage, TransportFailed
from telephony.sip.timers import GIVE_UP


class State(Enum):
    TRYING = auto()
    PROCEEDING = auto()
    COMPLETED = auto()
    TERMINATED = auto()


_ALLOWED = {
    State.TRYING: {State.PROCEEDING, State.COMPLETED, State.TERMINATED},
    State.PROCEEDING: {State.PROCEEDING, State.COMPLETED, State.TERMINATED},
    State.COMPLETED: {State.TERMINATED},
    State.TERMINATED: set[State](),
}


class NonInviteServerTransaction:
    """One request other than INVITE and ACK, as seen by the server side."""

    __slots__ = ("state", "_reliable", "_last", "_expires_at")

    def __init__(self, *, reliable: bool) -> None:
        self.state = State.TRYING
        self._reliable = reliable
        self._last: bytes | None = None
        self._expires_at: float | None = None  # timer J

    @property
    def terminated(self) -> bool:
        return self.state is State.TERMINATED

    @property
    def settled(self) -> bool:
        """It lives on only to absorb repeats, which nobody would miss much."""
        return self.state in (State.COMPLETED, State.TERMINATED)

    def next_timeout(self) -> float | None:
        return self._expires_at

    def receive_request(self) -> Sequence[Effect]:
        """A repeat of the request; "while in the Trying state it is discarded"."""
        return [] if self._last is None or self.terminated else [SendMessage(self._last)]

    def send_response(self, status: int, data: bytes, *, now: float) -> Sequence[Effect]:
        if status < 200:
            self._enter(State.PROCEEDING)
        else:
            self._enter(State.COMPLETED)
            self._expires_at = now if self._reliable else now + GIVE_UP
        self._last = data
        return [SendMessage(data)]

    def transport_failed(self) -> Sequence[Effect]:
        if self.terminated:
            return []
        self._enter(State.TERMINATED)
        self._expires_at = None
        return [TransportFailed()]

    def handle_timeout(self, *, now: float) -> Sequence[Effect]:
        if self._expires_at is not None and now >= self._expires_at:
            self._enter(State.TERMINATED)
            self._expires_at = None
        return []

    def _enter(self, state: State) -> None:
        if state not in _ALLOWED[self.state]:
            raise InvalidTransition(f"{self.state.name} -> {state.name}")
        self.state = state
