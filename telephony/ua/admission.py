"""Judges requests outside any dialog before anything is allocated for them."""

from telephony.sip.message import Request
from telephony.transport.flow import Address, Flow
from telephony.ua.body import UnsupportedBody, sdp_of
from telephony.ua.context import ALLOW
from telephony.ua.handlers import Refuse

KNOWN_METHODS = frozenset(
    (*ALLOW.split(", "), "PRACK", "SUBSCRIBE", "NOTIFY", "MESSAGE", "PUBLISH")
)
_SERVED = ("INVITE", "REGISTER", "OPTIONS")
BUSY = Refuse(503, (("Retry-After", "5"),))


def refuse_method(method: str) -> Refuse:
    """405 for what SIP has and we do not take here, 501 for what we never heard of."""
    return Refuse(405 if method in KNOWN_METHODS else 501, (("Allow", ALLOW),))


def refuse_unserved(request: Request) -> Refuse | None:
    """What no identity could change (RFC 3261 section 8.2)."""
    method = request.method
    if method not in _SERVED:
        # A BYE or INFO without a dialog is told so.
        in_dialog = ("BYE", "INFO", "UPDATE", "REFER")
        return Refuse(481) if method in in_dialog else refuse_method(method)
    if request.uri.scheme not in ("sip", "sips", "tel"):
        return Refuse(416)
    if request.max_forwards == 0 and method != "OPTIONS":
        return Refuse(483)
    return None


def refuse_extension(request: Request) -> Refuse | None:
    """We support no option tag that a peer could require of us."""
    required = request.headers.get_list("Require")
    return Refuse(420, (("Unsupported", ", ".join(required)),)) if required else None


def refuse_invite(request: Request) -> Refuse | None:
    if request.contact is None:
        return Refuse(400, reason="Missing Contact")
    try:
        sdp_of(request)
    except UnsupportedBody:
        return Refuse(415, (("Accept", "application/sdp"),))
    return None


def reply_flow(request: Request, flow: Flow) -> Flow:
    """Where responses go: the packet's source (RFC 3581), the port of its Via without `rport`.

    Also notes the source in the Via. The host named in a Via is never sent to.
    """
    via = request.via
    host, port = flow.remote
    if via.wants_rport or via.host != host:
        request.set_via(via.with_source(host, port))
    if flow.reliable or via.wants_rport or (via.port or 5060) == port:
        return flow
    return Flow(flow.transport, (host, via.port or 5060), flow.local)


def is_behind_nat(request: Request, flow: Flow) -> bool:
    """The peer names an address of its own, in Via and in Contact alike, that is not its source."""
    via, contact = request.via, request.contact
    own: Address = (via.host, via.port or 5060)
    if contact is None or own == flow.remote or "Record-Route" in request.headers:
        return False
    named = (contact.uri.host, contact.uri.port or 5060)
    return named == own and (via.wants_rport or via.host != flow.remote[0])
