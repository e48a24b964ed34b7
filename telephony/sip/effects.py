"""What the transaction machines ask their caller to do."""

from dataclasses import dataclass
from typing import TypeAlias

from telephony.sip.message import Response


class InvalidTransition(Exception):
    """The transaction user asked for something the state forbids: our bug, not the peer's."""


@dataclass(frozen=True, slots=True)
class SendMessage:
    data: bytes


@dataclass(frozen=True, slots=True)
class ResponseReceived:
    response: Response


@dataclass(frozen=True, slots=True)
class TimedOut:
    """Nobody answered our request in time (timer B or F)."""


@dataclass(frozen=True, slots=True)
class TransportFailed:
    """The message could not be sent, or the connection it went over is gone."""


@dataclass(frozen=True, slots=True)
class AckReceived:
    """The ACK of a 2xx that came inside the transaction; it belongs to the dialog."""


@dataclass(frozen=True, slots=True)
class AckNotReceived:
    """Timer H fired: the peer never acknowledged our final response."""


Effect: TypeAlias = (
    SendMessage | ResponseReceived | TimedOut | TransportFailed | AckReceived | AckNotReceived
)
