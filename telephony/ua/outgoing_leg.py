"""The leg of a party that we called, through every fork of our INVITE."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from telephony.sip.dialog import Dialog
from telephony.sip.invite_client import make_cancel
from telephony.sip.message import Headers, Request, Response
from telephony.sip.uri import NameAddress, SipUri
from telephony.transport.flow import Address, Flow
from telephony.ua.body import readable_sdp
from telephony.ua.client_request import answer_challenge
from telephony.ua.context import ALLOW, Context
from telephony.ua.deadlines import Alarm
from telephony.ua.leg import LegState, SipLeg
from telephony.ua.leg_handler import Credentials, HeaderFields
from telephony.ua.next_hop import transport_of

if TYPE_CHECKING:
    from telephony.ua.layer import ClientEntry

MAX_FORKS = 16
"""Early dialogs and answers one INVITE of ours may have; more are ignored."""

USER_AGENT = "Murima"


@dataclass(frozen=True, slots=True)
class Invitation:
    """Whom to call, and how."""

    target: SipUri
    from_: NameAddress
    to: NameAddress
    offer: bytes | None = None
    flow: Flow | None = None
    headers: HeaderFields = ()
    credentials: Credentials | None = None


def make_request(
    context: Context,
    method: str,
    target: SipUri,
    *,
    from_: NameAddress,
    to: NameAddress,
    headers: HeaderFields = (),
) -> Request:
    """The first request of a dialog, or one outside; without Via and Contact."""
    fields = Headers(
        [
            ("Max-Forwards", "70"),
            ("From", str(from_.with_tag(context.token()))),
            ("To", str(to)),
            ("Call-ID", context.token()),
            ("CSeq", f"1 {method}"),
            ("Allow", ALLOW),
            ("User-Agent", USER_AGENT),
            *headers,
        ]
    )
    return Request(method, target, fields)


class OutgoingLeg(SipLeg):
    def __init__(self, context: Context, request: Request, *, flow: Flow | None) -> None:
        target = request.uri
        transport = transport_of(target)
        self._target: Address = (target.host, target.port or 5060)
        super().__init__(
            context,
            request,
            flow or Flow(transport, self._target, ("", 0)),
            remote=request.to,
            state=LegState.CALLING,
            pinned=flow is not None,
        )
        self._entry: ClientEntry | None = None
        self._provisional = False
        self._cancelled = False
        self._early: dict[str, Dialog] = {}
        self._acks: dict[str, tuple[bytes, Flow]] = {}
        self._answering = False

    @property
    def owns_call_id(self) -> bool:
        return True

    @property
    def acknowledged(self) -> bool:
        """Nor does a 2xx of theirs wait for our ACK."""
        return super().acknowledged and not self._answering

    def start(self) -> None:
        """Send the INVITE; where the target is a name, once its address is known."""
        if self._pinned:
            self._send_invite(self.request)
        elif self._target[0]:
            self._context.resolve(*self._target, self._resolved)
        else:
            self._resolved(None)  # a tel URI alone leads nowhere

    # the INVITE transaction

    def receive_response(self, response: Response) -> None:
        if response.status < 200:
            self._receive_provisional(response)
        elif response.status < 300:
            self._receive_2xx(response)
        elif not self._answer_challenge(response):
            self._fail(response.status, response.reason)

    def request_failed(self, status: int, reason: str) -> None:
        self._fail(status, reason)

    # inside

    def _resolved(self, address: Address | None) -> None:
        if self.state is not LegState.CALLING:
            return
        wire = self._context.layer.wire
        flow = None if address is None else wire.connect(self.flow.transport, address)
        if flow is None:
            context = self._context
            context.layer.deadlines.watch(
                Alarm(context.layer.clock(), lambda: self._fail(503, "Service Unavailable"))
            )
            return
        self.flow = flow
        self._send_invite(self.request)

    def _send_invite(self, request: Request) -> None:
        request.headers.set("Contact", self._context.contact(self.flow))
        self.request = request
        self._provisional = False
        self._entry = self._context.layer.send_request(request, self.flow, self)

    def _receive_provisional(self, response: Response) -> None:
        self._provisional = True
        if self.state is LegState.CANCELLING:
            self._send_cancel()
            return
        if response.status == 100 or self.state is LegState.ESTABLISHED:
            return
        tag = response.to.tag
        if tag is not None and tag not in self._early and len(self._early) < MAX_FORKS:
            self._early[tag] = dialog = Dialog.of_response(self.request, response)
            self._context.dialogs.add(dialog, self)
        if self.state is LegState.CALLING:
            self.enter(LegState.RINGING)
        sdp = readable_sdp(response)
        if sdp is not None:
            self.remote_sdp = sdp
        self.tell(lambda handler: handler.leg_ringing(response.status, sdp))

    def _receive_2xx(self, response: Response) -> None:
        tag = response.to.tag or ""
        if (repeated := self._acks.get(tag)) is not None:
            data, flow = repeated
            self._context.layer.wire.send(flow, data)
        elif self.state in (LegState.CALLING, LegState.RINGING):
            self._win(response, tag)
        elif len(self._acks) < MAX_FORKS:
            # Another fork answered too, or our CANCEL crossed the answer.
            dialog = Dialog.of_response(self.request, response)
            self._acknowledge(dialog, tag, b"")
            self.send_bye_in(dialog, lambda _: None)
            if self.state is LegState.CANCELLING:
                self._finish()

    def _win(self, response: Response, tag: str) -> None:
        """RFC 3261 13.2.2.4: route set and target are those of the 2xx, not of the 18x."""
        self._drop_early()
        self.dialog = dialog = Dialog.of_response(self.request, response)
        self._context.dialogs.add(dialog, self)
        self.enter(LegState.ESTABLISHED)
        self.remote = response.to
        sdp = readable_sdp(response)
        if sdp is not None:
            self.remote_sdp = sdp
        self._answering = True
        answer = self.tell(lambda handler: handler.leg_answered(sdp))
        self._answering = False
        self._acknowledge(dialog, tag, b"" if self.request.body else answer or b"")
        if self._hang_up_wanted:
            self._send_bye()
        else:
            self._reoffers.go_on()

    def _acknowledge(self, dialog: Dialog, tag: str, answer: bytes) -> None:
        ack = dialog.make_ack(self.request.cseq.number)
        for name in ("Authorization", "Proxy-Authorization"):
            if (value := self.request.headers.get(name)) is not None:
                ack.headers.add(name, value)
        if answer:
            ack.headers.add("Content-Type", "application/sdp")
            ack.body = answer
        flow = self.way(dialog)
        self._acks[tag] = self._context.layer.send_ack(ack, flow), flow

    def _answer_challenge(self, response: Response) -> bool:
        if self.credentials is None or self.state is LegState.CANCELLING:
            return False
        cseq = self.request.cseq.number + 1
        again = answer_challenge(
            self.request,
            response,
            self.credentials,
            cnonce=self._context.token(),
            cseq=cseq,
        )
        if again is None:
            return False
        self._drop_early()
        self._send_invite(again)
        return True

    def _fail(self, status: int, reason: str) -> None:
        if self.state in (LegState.ESTABLISHED, LegState.ENDED):
            return
        self._finish()
        self.tell(lambda handler: handler.leg_failed(status, reason))
        self._silent = True

    def _finish(self) -> None:
        self._drop_early()
        super()._finish()

    def _drop_early(self) -> None:
        for dialog in self._early.values():
            self._context.dialogs.remove(dialog)
        self._early.clear()

    def _receive_early_bye(self) -> None:
        """RFC 3261 15 forbids it to the called side; the final response will tell."""

    def _hang_up_early(self) -> None:
        self.enter(LegState.CANCELLING)
        if self._entry is None:
            self._finish()  # nothing was sent yet
        elif self._provisional:
            self._send_cancel()

    def _send_cancel(self) -> None:
        """RFC 3261 9.1: never before a provisional response came, and only once."""
        if self._entry is None or self._cancelled:
            return
        self._cancelled = True
        cancel = make_cancel(self.request)
        if self._bye_reason is not None:
            cancel.headers.add("Reason", self._bye_reason)
        self._context.layer.send_cancel(cancel, self._entry, _Unconcerned())

    def _send_bye(self) -> None:
        if self._answering:
            self._hang_up_wanted = True  # the ACK goes first
        else:
            super()._send_bye()


class _Unconcerned:
    """Sends a CANCEL: what matters is the answer to the INVITE."""

    def receive_response(self, response: Response) -> None: ...
    def request_failed(self, status: int, reason: str) -> None: ...
