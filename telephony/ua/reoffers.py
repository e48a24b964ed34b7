"""Changes of a session by re-INVITE (RFC 3261 section 14): ours, theirs, and both at once."""

from collections.abc import Callable
from typing import Protocol, TypeVar

from telephony.sip.dialog import Dialog
from telephony.sip.message import Request, Response
from telephony.transport.flow import Flow
from telephony.ua.body import UnsupportedBody, readable_sdp, sdp_of
from telephony.ua.client_request import answer_challenge
from telephony.ua.context import ALLOW, Context
from telephony.ua.deadlines import Alarm
from telephony.ua.layer import ServerEntry
from telephony.ua.leg_handler import Credentials, LegHandler

T = TypeVar("T")


class ReofferLeg(Protocol):
    """What the leg does for its re-INVITEs."""

    remote_sdp: bytes | None
    credentials: Credentials | None
    sip_call_id: str

    @property
    def confirmed(self) -> Dialog: ...
    @property
    def acknowledged(self) -> bool: ...
    @property
    def owns_call_id(self) -> bool: ...
    def tell(self, call: Callable[[LegHandler], T]) -> T | None: ...
    def respond(
        self,
        entry: ServerEntry,
        request: Request,
        status: int,
        *,
        headers: tuple[tuple[str, str], ...] = (),
        body: bytes = b"",
    ) -> bytes: ...
    def accept_invite(self, entry: ServerEntry, request: Request, sdp: bytes) -> None: ...
    def way(self, dialog: Dialog | None = None) -> Flow: ...
    def lose(self, cause: str, *, bye: bool) -> None: ...


class Reoffers:
    def __init__(self, leg: ReofferLeg, context: Context) -> None:
        self._leg = leg
        self._context = context
        self._waiting: bytes | None = None
        """An offer that must wait for its turn."""
        self._pending: _Reinvite | None = None
        self._retry: Alarm | None = None
        self._stopped = False

    def start(self, offer: bytes) -> None:
        self._waiting = offer
        self.go_on()

    def go_on(self) -> None:
        """Send the offer that waits, if now is the time."""
        free = self._pending is None and self._retry is None and self._leg.acknowledged
        if self._waiting is None or not free or self._stopped:
            return
        offer, self._waiting = self._waiting, None
        self._send(offer)

    def stop(self) -> None:
        self._stopped = True
        self._waiting = None
        if self._retry is not None:
            self._retry.cancel()

    # theirs

    def receive_invite(self, request: Request, entry: ServerEntry) -> None:
        leg = self._leg
        if self._pending is not None or not leg.acknowledged:
            leg.respond(entry, request, 491)
            return
        try:
            offer = sdp_of(request)
        except UnsupportedBody:
            leg.respond(entry, request, 415, headers=(("Accept", "application/sdp"),))
            return
        answer = leg.tell(lambda handler: handler.leg_offered(offer))
        if self._stopped:
            leg.respond(entry, request, 487)  # the application hung up over it
            return
        if not isinstance(answer, bytes):
            leg.respond(entry, request, answer or 500)
            return
        leg.confirmed.refresh_target(request)
        if offer is not None:
            leg.remote_sdp = offer
        leg.accept_invite(entry, request, answer)
        if self._retry is not None:
            # Our offer of before the glare describes a session that is no more.
            self._retry.cancel()
            self._retry = None
            leg.tell(lambda handler: handler.leg_reoffer_answered(None, 491))

    def receive_update(self, request: Request, entry: ServerEntry) -> None:
        """RFC 3311: an offer that is answered at once, or only a sign of life (RFC 4028)."""
        leg = self._leg
        try:
            offer = sdp_of(request)
        except UnsupportedBody:
            leg.respond(entry, request, 415, headers=(("Accept", "application/sdp"),))
            return
        contact = (("Contact", self._context.contact(entry.flow)),)
        if offer is None:
            leg.confirmed.refresh_target(request)
            leg.respond(entry, request, 200, headers=contact)
            return
        if self._pending is not None or not leg.acknowledged:
            leg.respond(entry, request, 491)
            return
        answer = leg.tell(lambda handler: handler.leg_offered(offer))
        if not isinstance(answer, bytes):
            leg.respond(entry, request, answer or 500)
            return
        leg.confirmed.refresh_target(request)
        leg.remote_sdp = offer
        leg.respond(entry, request, 200, headers=contact, body=answer)

    # ours

    def _send(self, offer: bytes) -> None:
        flow = self._leg.way()
        request = self._leg.confirmed.make_request("INVITE")
        request.headers.add("Contact", self._context.contact(flow))
        request.headers.add("Allow", ALLOW)
        request.headers.add("Content-Type", "application/sdp")
        request.body = offer
        self._pending = _Reinvite(self, self._context, offer)
        self._pending.send(request, flow)

    def answered(self, reinvite: "_Reinvite", response: Response) -> None:
        """The first 2xx; acknowledges it."""
        leg, dialog = self._leg, self._leg.confirmed
        dialog.refresh_target(response)
        ack = dialog.make_ack(response.cseq.number)
        reinvite.acknowledge(ack, leg.way())
        self._pending = None
        sdp = readable_sdp(response)
        if sdp is not None:
            leg.remote_sdp = sdp
        if not self._stopped:
            leg.tell(lambda handler: handler.leg_reoffer_answered(sdp, response.status))
        self.go_on()

    def refused(self, reinvite: "_Reinvite", status: int, *, unanswered: bool) -> None:
        self._pending = None
        if self._stopped:
            return
        if status == 491:
            self._retry = Alarm(
                self._context.layer.clock() + self._glare_delay(),
                lambda: self._again(reinvite.offer),
            )
            self._context.layer.deadlines.watch(self._retry)
        elif status in (408, 481) or unanswered:
            self._leg.lose("dialog_lost", bye=status != 481)
        else:
            self._leg.tell(lambda handler: handler.leg_reoffer_answered(None, status))
            self.go_on()

    def challenged(self, reinvite: "_Reinvite", request: Request, response: Response) -> bool:
        """True: the INVITE was sent again with our credentials."""
        leg, dialog = self._leg, self._leg.confirmed
        if leg.credentials is None:
            return False
        again = answer_challenge(
            request,
            response,
            leg.credentials,
            cnonce=self._context.token(),
            cseq=dialog.local_cseq + 1,
        )
        if again is None:
            return False
        dialog.local_cseq += 1
        reinvite.send(again, leg.way())
        return True

    def _again(self, offer: bytes) -> None:
        self._retry = None
        if self._waiting is None:
            self._waiting = offer
        self.go_on()

    def _glare_delay(self) -> float:
        """RFC 3261 14.1: the owner of the Call-ID waits longer, in steps of 10 ms."""
        steps = self._context.random()
        if self._leg.owns_call_id:
            return 2.1 + int(steps * 190) / 100
        return int(steps * 200) / 100


class _Reinvite:
    """One re-INVITE of ours; hears the responses of its transaction."""

    def __init__(self, reoffers: Reoffers, context: Context, offer: bytes) -> None:
        self.offer = offer
        self._reoffers = reoffers
        self._context = context
        self._request: Request | None = None
        self._ack: tuple[bytes, Flow] | None = None

    def send(self, request: Request, flow: Flow) -> None:
        self._request = request
        self._context.layer.send_request(request, flow, self)

    def acknowledge(self, ack: Request, flow: Flow) -> None:
        for name in ("Authorization", "Proxy-Authorization"):
            value = self._request.headers.get(name) if self._request is not None else None
            if value is not None:  # RFC 3261 13.2.2.4
                ack.headers.add(name, value)
        self._ack = self._context.layer.send_ack(ack, flow), flow

    def receive_response(self, response: Response) -> None:
        if response.status < 200:
            return
        if response.status < 300:
            if self._ack is not None:
                data, flow = self._ack
                self._context.layer.wire.send(flow, data)
            else:
                self._reoffers.answered(self, response)
            return
        request = self._request
        if request is None or not self._reoffers.challenged(self, request, response):
            self._reoffers.refused(self, response.status, unanswered=False)

    def request_failed(self, status: int, reason: str) -> None:
        del reason
        self._reoffers.refused(self, status, unanswered=True)
