"""Requests of ours that belong to no call: OPTIONS, to see who is there, and REGISTER."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from telephony.sip.headers import parse_number
from telephony.sip.message import Response
from telephony.sip.uri import BadUri, NameAddress, SipUri
from telephony.transport.flow import Address, Flow
from telephony.ua.client_request import ClientRequest
from telephony.ua.context import Context
from telephony.ua.leg_handler import Credentials
from telephony.ua.next_hop import transport_of
from telephony.ua.outgoing_leg import make_request

_MOST_SECONDS = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Registering:
    """What a REGISTER says, each time the same but for its number and how long it asks for."""

    registrar: SipUri
    user: str
    contact_user: str
    """What the registrar calls us by: new calls come for it."""
    credentials: Credentials
    call_id: str
    tag: str
    next_cseq: Callable[[], int]
    expires: int

    @property
    def address(self) -> SipUri:
        return SipUri("sip", self.registrar.host, user=self.user, port=self.registrar.port)


@dataclass(frozen=True, slots=True)
class RegisterResult:
    """The final answer; the times are None where they were not said, or cannot be read."""

    status: int | None
    granted: int | None = None
    """Seconds for the contact that was registered."""
    min_expires: int | None = None
    retry_after: int | None = None


class Outside:
    def __init__(self, context: Context) -> None:
        self._context = context

    def options(
        self, target: SipUri, flow: Flow | None, on_final: Callable[[Response | None], None]
    ) -> None:
        """Ping a peer; None when it is silent or cannot be reached."""

        def reached(found: Flow | None) -> None:
            if found is None:
                on_final(None)
            else:
                self._send_options(target, found, on_final)

        if flow is not None:
            reached(flow)
        else:
            self._reach(target, reached)

    def register(
        self, registering: Registering, on_final: Callable[[RegisterResult], None]
    ) -> None:
        def reached(found: Flow | None) -> None:
            if found is None:
                on_final(RegisterResult(None))
            else:
                self._send_register(registering, found, on_final)

        self._reach(registering.registrar, reached)

    def _reach(self, target: SipUri, reached: Callable[[Flow | None], None]) -> None:
        wire = self._context.layer.wire

        def resolved(address: Address | None) -> None:
            reached(None if address is None else wire.connect(transport_of(target), address))

        self._context.resolve(target.host, target.port or 5060, resolved)

    def _send_options(
        self, target: SipUri, flow: Flow, on_final: Callable[[Response | None], None]
    ) -> None:
        context = self._context
        host, port = context.layer.wire.contact_address(flow)
        ours = NameAddress(SipUri("sip", host, port=port))
        request = make_request(context, "OPTIONS", target, from_=ours, to=NameAddress(target))
        request.headers.add("Contact", context.contact(flow))
        request.headers.add("Accept", "application/sdp")
        ClientRequest(
            context.layer,
            lambda _, response: on_final(response),
            token=context.token,
            next_cseq=lambda: 2,
        ).send(request, flow)

    def _send_register(
        self, registering: Registering, flow: Flow, on_final: Callable[[RegisterResult], None]
    ) -> None:
        context = self._context
        asked = registering.registrar
        ours = NameAddress(registering.address)
        request = make_request(
            context,
            "REGISTER",
            SipUri(asked.scheme, asked.host, port=asked.port),
            from_=ours,
            to=ours,
        )
        request.headers.set("From", str(ours.with_tag(registering.tag)))
        request.headers.set("Call-ID", registering.call_id)
        request.headers.set("CSeq", f"{registering.next_cseq()} REGISTER")
        request.headers.add("Contact", self._contact(registering, flow))
        request.headers.add("Expires", str(registering.expires))
        ClientRequest(
            context.layer,
            lambda status, response: on_final(_result(registering, status, response)),
            credentials=registering.credentials,
            token=context.token,
            next_cseq=registering.next_cseq,
        ).send(request, flow)

    def _contact(self, registering: Registering, flow: Flow) -> str:
        plain = NameAddress.parse(self._context.contact(flow))
        uri = replace(plain.uri, user=registering.contact_user)
        return f"<{uri}>;expires={registering.expires}"


def _result(registering: Registering, status: int, response: Response | None) -> RegisterResult:
    if response is None:
        return RegisterResult(None)
    return RegisterResult(
        status,
        _granted(registering, response),
        _seconds(response, "Min-Expires"),
        _seconds(response, "Retry-After"),
    )


def _granted(registering: Registering, response: Response) -> int | None:
    """Contacts of others, who registered the same address, say nothing about ours."""
    for text in response.headers.get_list("Contact"):
        try:
            contact = NameAddress.parse(text)
            if contact.uri.user == registering.contact_user:
                return parse_number(contact.parameter("expires") or "", most=_MOST_SECONDS)
        except (BadUri, ValueError):
            continue
    return _seconds(response, "Expires")


def _seconds(response: Response, name: str) -> int | None:
    # Retry-After may go on with a comment or parameters.
    words = (response.headers.get(name) or "").replace(";", " ").replace("(", " ").split()
    try:
        return parse_number(words[0], most=_MOST_SECONDS) if words else None
    except ValueError:
        return None
