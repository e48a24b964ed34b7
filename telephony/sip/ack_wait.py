"""Repeats a 2xx to INVITE until its ACK comes (RFC 3261 section 13.3.1.4). Sans-IO.

The transaction does not do it: "since 2xx is retransmitted end-to-end", over every transport.
"""

from collections.abc import Sequence

from telephony.sip.effects import AckNotReceived, SendMessage
from telephony.sip.timers import GIVE_UP, T1, T2


class AckWait:
    __slots__ = ("_data", "_interval", "_repeat_at", "_give_up_at")

    def __init__(self, data: bytes, *, now: float) -> None:
        self._data = data
        self._interval = T1
        self._repeat_at: float = now + T1
        self._give_up_at: float | None = now + GIVE_UP

    def next_timeout(self) -> float | None:
        return None if self._give_up_at is None else min(self._repeat_at, self._give_up_at)

    def receive_ack(self) -> None:
        self._give_up_at = None

    def handle_timeout(self, *, now: float) -> Sequence[SendMessage | AckNotReceived]:
        if self._give_up_at is None:
            return []
        if now >= self._give_up_at:
            self._give_up_at = None
            return [AckNotReceived()]
        if now >= self._repeat_at:
            self._interval = min(2 * self._interval, T2)
            self._repeat_at = now + self._interval
            return [SendMessage(self._data)]
        return []
