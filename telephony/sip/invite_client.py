"""INVITE client transaction (RFC 3261 section 17.1.1, with the Accepted state of RFC 6026).

Sans-IO: the caller passes the clock in and carries out the effects it gets back.
"""

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
from telephony.sip.message import Headers, Request, Response
from telephony.sip.timers import COMPLETED_INVITE, GIVE_UP, T1


class State(Enum):
    CALLING = auto()
    PROCEEDING = auto()
    ACCEPTED = auto()
    COMPLETED = auto()
    TERMINATED = auto()


_ALLOWED = {
    State.CALLING: {State.PROCEEDING, State.ACCEPTED, State.COMPLETED, State.TERMINATED},
    State.PROCEEDING: {State.ACCEPTED, State.COMPLETED, State.TERMINATED},
    State.ACCEPTED: {State.TERMINATED},
    State.COMPLETED: {State.TERMINATED},
    State.TERMINATED: set[State](),
}


class InviteClientTransaction:
    """One INVITE of ours, from the first packet until late repeats of the answer are over."""

    __slots__ = (
        "state",
        "_request",
        "_data",
        "_ack",
        "_reliable",
        "_interval",
        "_retransmit_at",
        "_expires_at",
    )

    def __init__(self, request: Request, *, reliable: bool) -> None:
        self.state = State.CALLING
        self._request = request
        self._data = request.to_bytes()
        self._ack = b""
        self._reliable = reliable
        self._interval = T1
        self._retransmit_at: float | None = None  # timer A
        self._expires_at: float | None = None  # timer B, D or M, by state

    @property
    def terminated(self) -> bool:
        return self.state is State.TERMINATED

    @property
    def settled(self) -> bool:
        """It lives on only to absorb repeats, which nobody would miss much."""
        return self.state not in (State.CALLING, State.PROCEEDING)

    def next_timeout(self) -> float | None:
        if self._retransmit_at is None or self._expires_at is None:
            return self._expires_at
        return min(self._retransmit_at, self._expires_at)

    def start(self, *, now: float) -> Sequence[Effect]:
        self._expires_at = now + GIVE_UP
        self._retransmit_at = None if self._reliable else now + T1
        return [SendMessage(self._data)]

    def receive_response(self, response: Response, *, now: float) -> Sequence[Effect]:
        if self.state in (State.CALLING, State.PROCEEDING):
            return self._receive_first(response, now=now)
        if self.state is State.ACCEPTED and 200 <= response.status < 300:
            # A repeat, or the 2xx of another fork: the dialog layer acknowledges both.
            return [ResponseReceived(response)]
        if self.state is State.COMPLETED and response.status >= 300:
            return [SendMessage(self._ack)]
        return []

    def expire_after_cancel(self, *, now: float) -> None:
        """RFC 3261 9.1: no final response within 64*T1 of the CANCEL ends the transaction."""
        if self.state is State.PROCEEDING:
            self._expires_at = now + GIVE_UP

    def transport_failed(self) -> Sequence[Effect]:
        """The RFC has no such move from Proceeding, but nothing else would ever end it there."""
        return self._fail(TransportFailed())

    def handle_timeout(self, *, now: float) -> Sequence[Effect]:
        if self._expires_at is not None and now >= self._expires_at:
            return self._fail(TimedOut())
        if self._retransmit_at is not None and now >= self._retransmit_at:
            self._interval *= 2  # timer A is not capped by T2
            self._retransmit_at = now + self._interval
            return [SendMessage(self._data)]
        return []

    def _receive_first(self, response: Response, *, now: float) -> Sequence[Effect]:
        """A response while no final one has come."""
        received = ResponseReceived(response)
        if response.status < 200:
            if self.state is State.CALLING:
                self._enter(State.PROCEEDING, expires_at=None)
            return [received]
        if response.status < 300:
            self._enter(State.ACCEPTED, expires_at=now + GIVE_UP)
            return [received]
        self._enter(State.COMPLETED, expires_at=now if self._reliable else now + COMPLETED_INVITE)
        self._ack = make_ack(self._request, response).to_bytes()
        return [SendMessage(self._ack), received]

    def _fail(self, effect: Effect) -> Sequence[Effect]:
        """End it; nobody needs to hear of a transaction that had its final response."""
        if self.terminated:
            return []
        answered = self.state in (State.ACCEPTED, State.COMPLETED)
        self._enter(State.TERMINATED, expires_at=None)
        return [] if answered else [effect]

    def _enter(self, state: State, *, expires_at: float | None) -> None:
        if state not in _ALLOWED[self.state]:
            raise InvalidTransition(f"{self.state.name} -> {state.name}")
        self.state, self._expires_at, self._retransmit_at = state, expires_at, None


def make_ack(invite: Request, response: Response) -> Request:
    """The ACK of a non-2xx final response (RFC 3261 section 17.1.1.3)."""
    return _same_way("ACK", invite, to=response.headers.get("To") or "")


def make_cancel(invite: Request) -> Request:
    """RFC 3261 section 9.1; to be sent only after a provisional response came."""
    return _same_way("CANCEL", invite, to=invite.headers.get("To") or "")


def _same_way(method: str, invite: Request, *, to: str) -> Request:
    """A request that every element on the way must match with the INVITE."""
    headers = Headers()
    headers.add("Via", invite.headers.get_list("Via")[0])
    for route in invite.headers.get_all("Route"):
        headers.add("Route", route)
    headers.add("Max-Forwards", "70")
    headers.add("From", invite.headers.get("From") or "")
    headers.add("To", to)
    headers.add("Call-ID", invite.call_id)
    headers.add("CSeq", f"{invite.cseq.number} {method}")
    return Request(method, invite.uri, headers)
