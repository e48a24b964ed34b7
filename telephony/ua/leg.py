"""What legs of both directions have in common: everything that happens inside their dialog."""

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable
from enum import Enum, auto
from typing import TypeVar

from telephony.sip.dialog import Dialog
from telephony.sip.effects import InvalidTransition
from telephony.sip.headers import BadHeader
from telephony.sip.message import Request, Response, make_response
from telephony.sip.uri import NameAddress
from telephony.transport.flow import Flow
from telephony.ua.accepted_invite import AcceptedInvite
from telephony.ua.body import readable_sdp
from telephony.ua.client_request import ClientRequest
from telephony.ua.context import ALLOW, Context
from telephony.ua.deadlines import Alarm
from telephony.ua.layer import ServerEntry
from telephony.ua.leg_handler import Credentials, LegHandler
from telephony.ua.next_hop import flow_for
from telephony.ua.referral import read_referral
from telephony.ua.reoffers import Reoffers

log = logging.getLogger(__name__)

T = TypeVar("T")


class LegState(Enum):
    CALLING = auto()
    """Our INVITE is out."""
    INVITED = auto()
    """Their INVITE is here."""
    RINGING = auto()
    CANCELLING = auto()
    """We gave up before they answered."""
    ANSWERED = auto()
    """Our 2xx is out, its ACK has not come."""
    ESTABLISHED = auto()
    ENDED = auto()


_ALLOWED = {
    LegState.CALLING: {
        LegState.RINGING,
        LegState.CANCELLING,
        LegState.ESTABLISHED,
        LegState.ENDED,
    },
    LegState.INVITED: {LegState.RINGING, LegState.ANSWERED, LegState.ENDED},
    LegState.RINGING: {
        LegState.CANCELLING,
        LegState.ANSWERED,
        LegState.ESTABLISHED,
        LegState.ENDED,
    },
    LegState.CANCELLING: {LegState.ENDED},
    LegState.ANSWERED: {LegState.ESTABLISHED, LegState.ENDED},
    LegState.ESTABLISHED: {LegState.ENDED},
    LegState.ENDED: set[LegState](),
}


class SipLeg(ABC):
    """One party's INVITE dialog. The media of the party are somebody else's matter."""

    def __init__(
        self,
        context: Context,
        request: Request,
        flow: Flow,
        *,
        remote: NameAddress,
        state: LegState,
        pinned: bool,
    ) -> None:
        self.request = request
        """The first INVITE."""
        self.sip_call_id = request.call_id
        self.remote = remote
        self.flow = flow
        self.state = state
        self.remote_sdp: bytes | None = None
        """The last session description the peer sent."""
        self.handler: LegHandler | None = None
        self.credentials: Credentials | None = None
        self.dialog: Dialog | None = None
        self._context = context
        self._pinned = pinned
        self._accepted: AcceptedInvite | None = None
        self._silent = False
        self._broken = False
        self._hang_up_wanted = False
        self._bye_reason: str | None = None
        self._reoffers = Reoffers(self, context)
        context.legs += 1

    # what the application may ask for

    def hang_up(self, *, reason: str | None = None) -> None:
        """End the leg the way its state asks for; nothing is reported after it.

        `reason` is the value of a Reason header, such as `Q.850;cause=16`.
        """
        if self.state in (LegState.ENDED, LegState.CANCELLING) or self._hang_up_wanted:
            return
        self._silent = True
        self._bye_reason = reason
        if self.state is LegState.ESTABLISHED:
            self._send_bye()
        else:
            self._hang_up_early()

    def reinvite(self, offer: bytes) -> None:
        """Change the session; `leg_reoffer_answered` tells the result.

        Waits while another change, ours or theirs, is under way; of several waiting offers only
        the last is sent. Without effect on a leg that is not answered or has ended.
        """
        if self.state in (LegState.ANSWERED, LegState.ESTABLISHED) and not self._silent:
            self._reoffers.start(offer)

    def send_info(self, content_type: str, body: bytes) -> None:
        """Without effect on a leg that is not answered or has ended."""
        if self.state is LegState.ESTABLISHED:
            request = self.confirmed.make_request("INFO")
            request.headers.add("Content-Type", content_type)
            request.body = body
            self._send(request, self._after_info)

    # what the user agent tells the leg

    def receive_request(self, request: Request, entry: ServerEntry) -> None:
        """A request inside the dialog, in order."""
        if entry.flow.reliable and not self._context.layer.wire.is_open(self.flow):
            self.flow = entry.flow  # the peer lost its connection and has opened another
        method = request.method
        if method == "BYE":
            self._receive_bye(request, entry)
        elif method == "OPTIONS":
            self.respond(entry, request, 200, headers=(("Allow", ALLOW),))
        elif self.state is LegState.ENDED:
            self.respond(entry, request, 481)
        elif method == "INVITE":
            self._receive_reinvite(request, entry)
        elif method == "UPDATE" and self.state in (LegState.ANSWERED, LegState.ESTABLISHED):
            self._reoffers.receive_update(request, entry)
        elif method == "UPDATE":
            self.respond(entry, request, 491 if request.body else 200)
        elif method == "REFER":
            self._receive_refer(request, entry)
        else:
            self._receive_info(request, entry)

    def receive_ack(self, request: Request) -> None:
        accepted = self._accepted
        if accepted is None or request.cseq.number != accepted.cseq:
            return  # a repeat of an ACK we had
        self._accepted = None
        accepted.receive_ack()
        first = self.state is LegState.ANSWERED
        if first:
            self.enter(LegState.ESTABLISHED)
        if self._hang_up_wanted:
            self._send_bye()
            return
        sdp = readable_sdp(request)
        if sdp is not None and accepted.carried_offer:
            self.remote_sdp = sdp
        elif accepted.carried_offer:
            # RFC 3261 13.2.2.4 wants the answer in this ACK; without it there is no session.
            self.lose("no_answer_in_ack", bye=True)
            return
        if first or accepted.carried_offer:
            self.tell(lambda handler: handler.leg_acknowledged(sdp))
        self._reoffers.go_on()

    # for the parts of a leg

    @property
    def confirmed(self) -> Dialog:
        """The dialog of a leg that was answered."""
        assert self.dialog is not None
        return self.dialog

    @property
    @abstractmethod
    def owns_call_id(self) -> bool:
        """We began the dialog."""

    @property
    def acknowledged(self) -> bool:
        """No 2xx of ours waits for its ACK."""
        return self._accepted is None

    def enter(self, state: LegState) -> None:
        if state not in _ALLOWED[self.state]:
            raise InvalidTransition(f"{self.state.name} -> {state.name}")
        self.state = state
        if state is LegState.ENDED:
            self._context.legs -= 1
            self._reoffers.stop()

    def tell(self, call: Callable[[LegHandler], T]) -> T | None:
        """Call the application; an error in it is logged once and ends this leg only."""
        if self._silent or self.handler is None:
            return None
        try:
            return call(self.handler)
        except Exception:
            if not self._broken:
                self._broken = True
                log.exception("leg handler failed", extra={"sip_call_id": self.sip_call_id})
                context = self._context
                context.layer.deadlines.watch(Alarm(context.layer.clock(), self._end_broken))
            return None

    def respond(
        self,
        entry: ServerEntry,
        request: Request,
        status: int,
        *,
        reason: str | None = None,
        headers: tuple[tuple[str, str], ...] = (),
        body: bytes = b"",
    ) -> bytes:
        tag = self.dialog.local_tag if self.dialog is not None else None
        response = make_response(request, status, reason, to_tag=tag, headers=headers, body=body)
        return self._context.layer.respond(entry, response)

    def accept_invite(self, entry: ServerEntry, request: Request, sdp: bytes) -> None:
        """Send a 2xx and repeat it until its ACK comes."""
        headers = (("Contact", self._context.contact(entry.flow)), ("Allow", ALLOW))
        data = self.respond(entry, request, 200, headers=headers, body=sdp)
        self._accepted = AcceptedInvite(
            self._context.layer,
            entry,
            data,
            cseq=request.cseq.number,
            carried_offer=readable_sdp(request) is None,
            on_no_ack=self._on_no_ack,
        )

    def way(self, dialog: Dialog | None = None) -> Flow:
        """How a request reaches the peer now."""
        dialog, context = dialog or self.confirmed, self._context
        if self.flow.reliable and not context.layer.wire.is_open(self.flow):
            self.flow = context.newer_flow(self.flow, dialog.remote_target) or self.flow
        return flow_for(dialog, self.flow, context.layer.wire, pinned=self._pinned)

    def lose(self, cause: str, *, bye: bool) -> None:
        """The dialog is over for a reason of its own."""
        if self.state is LegState.ENDED:
            return
        if bye:
            self._send_bye()
        else:
            self._finish()
        self.tell(lambda handler: handler.leg_ended(cause))
        self._silent = True

    # inside

    @abstractmethod
    def _hang_up_early(self) -> None:
        """End a leg that is not established."""

    @abstractmethod
    def _receive_early_bye(self) -> None:
        """BYE before answer; 200 was sent."""

    def _finish(self) -> None:
        """End without a word to the peer."""
        if self._accepted is not None:
            self._accepted.receive_ack()
            self._accepted = None
        self.enter(LegState.ENDED)
        if self.dialog is not None:
            self._context.dialogs.remove(self.dialog)

    def _send_bye(self) -> None:
        dialog = self.confirmed
        self._finish()
        # Until our BYE is answered one of theirs may cross it, and must not get 481.
        self._context.dialogs.add(dialog, self)
        self.send_bye_in(dialog, lambda _: self._context.dialogs.remove(dialog))

    def send_bye_in(self, dialog: Dialog, after: Callable[[int], None]) -> None:
        request = dialog.make_request("BYE")
        if self._bye_reason is not None:
            request.headers.add("Reason", self._bye_reason)
        self._send(request, after, dialog=dialog)

    def _send(
        self, request: Request, after: Callable[[int], None], *, dialog: Dialog | None = None
    ) -> None:
        dialog = dialog or self.confirmed
        context = self._context

        def next_cseq() -> int:
            dialog.local_cseq += 1
            return dialog.local_cseq

        def on_final(status: int, response: Response | None) -> None:
            after(408 if response is None else status)

        ClientRequest(
            context.layer,
            on_final,
            credentials=self.credentials,
            token=context.token,
            next_cseq=next_cseq,
        ).send(request, self.way(dialog))

    def _after_info(self, status: int) -> None:
        if status in (408, 481):
            self.lose("dialog_lost", bye=status == 408)

    def _receive_bye(self, request: Request, entry: ServerEntry) -> None:
        self.respond(entry, request, 200)
        if self.state in (LegState.ANSWERED, LegState.ESTABLISHED):
            self.lose("remote_hung_up", bye=False)
        elif self.state is not LegState.ENDED:
            self._receive_early_bye()

    def _receive_reinvite(self, request: Request, entry: ServerEntry) -> None:
        if self.state is LegState.ESTABLISHED or self.state is LegState.ANSWERED:
            self._reoffers.receive_invite(request, entry)
        elif self.state is LegState.INVITED or self.state is LegState.RINGING:
            # RFC 3261 14.2: another INVITE before we answered the first.
            delay = str(int(self._context.random() * 10))
            self.respond(entry, request, 500, headers=(("Retry-After", delay),))
        else:
            self.respond(entry, request, 491)

    def _receive_info(self, request: Request, entry: ServerEntry) -> None:
        kind = request.content_type
        status = 200
        if kind or request.body:
            status = self.tell(lambda handler: handler.leg_info(kind, request.body)) or 500
        self.respond(entry, request, status)

    def _receive_refer(self, request: Request, entry: ServerEntry) -> None:
        """RFC 3515: 202, and one NOTIFY that says at once what was decided."""
        try:
            referral = read_referral(request)
        except BadHeader as error:
            self.respond(entry, request, 400, reason=f"Bad {error}")
            return
        replaced = None
        if referral.replaces is not None:
            replaced = self._context.dialogs.owner_of(referral.replaces)
        if self.state is not LegState.ESTABLISHED or (referral.replaces and replaced is None):
            self.respond(entry, request, 481)
            return
        other = replaced if isinstance(replaced, SipLeg) else None
        status = self.tell(lambda handler: handler.leg_referred(referral.target, other)) or 500
        if status != 202:
            self.respond(entry, request, status)
            return
        contact = (("Contact", self._context.contact(entry.flow)),)
        self.respond(entry, request, 202, headers=contact)
        self._notify_referred(request.cseq.number)

    def _notify_referred(self, cseq: int) -> None:
        request = self.confirmed.make_request("NOTIFY")
        request.headers.add("Contact", self._context.contact(self.way()))
        request.headers.add("Event", f"refer;id={cseq}")
        request.headers.add("Subscription-State", "terminated;reason=noresource")
        request.headers.add("Content-Type", "message/sipfrag")
        request.body = b"SIP/2.0 200 OK\r\n"
        self._send(request, lambda _: None)

    def _on_no_ack(self) -> None:
        log.info("answer was never acknowledged", extra={"sip_call_id": self.sip_call_id})
        self.lose("no_ack", bye=True)

    def _end_broken(self) -> None:
        if self.state is LegState.ENDED:
            return
        self.tell(lambda handler: handler.leg_ended("error"))
        self._refuse_broken()

    def _refuse_broken(self) -> None:
        self.hang_up()
