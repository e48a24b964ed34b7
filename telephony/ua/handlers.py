"""What the user agent asks of the application above it."""

from dataclasses import dataclass
from typing import Protocol, TypeAlias

from telephony.sip.message import Request, Response
from telephony.transport.flow import Flow
from telephony.ua.incoming_leg import IncomingLeg
from telephony.ua.leg_handler import HeaderFields


@dataclass(frozen=True, slots=True)
class Accept:
    """The request comes from somebody we know."""

    principal: object
    """Handed back with the request; the user agent does not look into it."""


@dataclass(frozen=True, slots=True)
class Refuse:
    """The request is answered with `status` and forgotten."""

    status: int
    headers: HeaderFields = ()
    reason: str | None = None


Verdict: TypeAlias = Accept | Refuse


class EndpointHandler(Protocol):
    """Decides about requests outside any dialog. Nothing in it may block."""

    def authorise(self, request: Request, flow: Flow) -> Verdict:
        """Who is this? Asked about INVITE, REGISTER and OPTIONS before anything is allocated."""

    def receive_invite(self, leg: IncomingLeg, principal: object) -> None:
        """A new call; 100 Trying was sent. Set `leg.handler`, or refuse or answer it at once."""

    def receive_register(self, request: Request, flow: Flow, principal: object) -> Response: ...

    def over_capacity(self) -> bool:
        """True refuses a new call with 503 and Retry-After."""
