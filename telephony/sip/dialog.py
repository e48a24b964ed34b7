"""A dialog (RFC 3261 section 12): who talks to whom, by which way, and in what order.

Sans-IO: it makes requests and judges those that come; somebody else sends them.
"""

from typing import TypeAlias

from telephony.sip.message import Headers, Request, Response
from telephony.sip.uri import NameAddress, SipUri

DialogId: TypeAlias = tuple[str, str, str]
"""Call-ID, our tag, their tag."""


class Dialog:
    __slots__ = (
        "call_id",
        "local",
        "remote",
        "local_tag",
        "remote_tag",
        "remote_target",
        "routes",
        "local_cseq",
        "remote_cseq",
    )

    def __init__(
        self,
        call_id: str,
        *,
        local: NameAddress,
        remote: NameAddress,
        remote_target: SipUri,
        routes: list[str],
        local_cseq: int = 0,
        remote_cseq: int | None = None,
    ) -> None:
        self.call_id = call_id
        self.local, self.remote = str(local), str(remote)
        self.local_tag, self.remote_tag = local.tag or "", remote.tag or ""
        self.remote_target = remote_target
        self.routes = routes
        self.local_cseq = local_cseq
        self.remote_cseq = remote_cseq

    @classmethod
    def of_invite(cls, request: Request, local_tag: str) -> "Dialog":
        """The dialog an incoming INVITE creates once we answer it with `local_tag`."""
        contact = request.contact
        return cls(
            request.call_id,
            local=request.to.with_tag(local_tag),
            remote=request.from_,
            remote_target=contact.uri if contact is not None else request.from_.uri,
            routes=request.record_route,
            remote_cseq=request.cseq.number,
        )

    @classmethod
    def of_response(cls, request: Request, response: Response) -> "Dialog":
        """The dialog a response to our INVITE creates, early or confirmed."""
        contact = response.contact
        return cls(
            request.call_id,
            local=request.from_,
            remote=response.to,
            remote_target=contact.uri if contact is not None else request.uri,
            routes=response.record_route[::-1],
            local_cseq=request.cseq.number,
        )

    @property
    def id(self) -> DialogId:
        return (self.call_id, self.local_tag, self.remote_tag)

    @property
    def next_hop(self) -> SipUri:
        """Whom a request of this dialog is sent to."""
        return NameAddress.parse(self.routes[0]).uri if self.routes else self.remote_target

    def make_request(self, method: str) -> Request:
        """The next request; the caller adds Via, Contact and what is special to the method."""
        self.local_cseq += 1
        return self._make(method, self.local_cseq)

    def make_ack(self, cseq: int) -> Request:
        """The ACK of a 2xx to the INVITE with that number."""
        return self._make("ACK", cseq)

    def receive_request(self, request: Request) -> bool:
        """Is it in order? A gap is: requests that were challenged elsewhere have used numbers."""
        number = request.cseq.number
        if self.remote_cseq is not None and number <= self.remote_cseq:
            return False
        self.remote_cseq = number
        return True

    def refresh_target(self, message: Request | Response) -> None:
        """A re-INVITE and its 2xx say where the peer is now (RFC 3261 12.2.1.2 and 12.2.2)."""
        if message.contact is not None:
            self.remote_target = message.contact.uri

    def _make(self, method: str, cseq: int) -> Request:
        uri, routes = self.remote_target, self.routes
        if routes:
            first = NameAddress.parse(routes[0]).uri
            if not first.has_parameter("lr"):
                # A strict router wants itself in the request line and the target at the end.
                uri, routes = first, [*routes[1:], f"<{self.remote_target}>"]
        headers = Headers()
        for route in routes:
            headers.add("Route", route)
        headers.add("Max-Forwards", "70")
        headers.add("From", self.local)
        headers.add("To", self.remote)
        headers.add("Call-ID", self.call_id)
        headers.add("CSeq", f"{cseq} {method}")
        return Request(method, uri, headers)
