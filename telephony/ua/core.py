"""The user agent: takes every message to the transaction, the leg or the handler it is for.

Sans-IO but for its `Wire`: it is given the clock, and is told when time has passed.
"""

import hmac
import logging
from collections.abc import Callable
from dataclasses import dataclass

from telephony.sip.message import Request, Response, make_response
from telephony.sip.parser import BadMessage
from telephony.sip.transactions import Key, server_key
from telephony.sip.uri import SipUri
from telephony.transport.flow import Flow
from telephony.ua.admission import (
    BUSY,
    is_behind_nat,
    refuse_extension,
    refuse_invite,
    refuse_method,
    refuse_unserved,
    reply_flow,
)
from telephony.ua.body import sdp_of
from telephony.ua.context import ALLOW, Context, Resolver
from telephony.ua.deadlines import Deadlines
from telephony.ua.handlers import EndpointHandler, Refuse
from telephony.ua.incoming_leg import EndedInvite, IncomingLeg, cancel_key
from telephony.ua.layer import ServerEntry, TransactionLayer, Wire
from telephony.ua.leg_handler import LegHandler
from telephony.ua.outgoing_leg import Invitation, OutgoingLeg, make_request
from telephony.ua.outside import Outside

log = logging.getLogger(__name__)

BAD_MESSAGES_PER_SECOND = 20
"""Answers to malformed messages; more stay unanswered, and unlogged."""

_IN_DIALOG = ("INVITE", "BYE", "INFO", "OPTIONS", "UPDATE", "REFER")


@dataclass(frozen=True, slots=True)
class UserAgentStatistics:
    transactions: int
    dialogs: int
    legs: int
    retransmissions_sent: int
    retransmissions_received: int
    refused: int
    malformed: int
    transport_failures: int


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the user agent may not have of itself: time, chance and the name service."""

    clock: Callable[[], float]
    random: Callable[[], float]
    """From 0 up to 1."""
    token: Callable[[], str]
    """64 random bits or more, in letters and digits."""
    resolve: Resolver
    newer_flow: Callable[[Flow, SipUri], Flow | None] = lambda _flow, _contact: None


class UserAgent:
    def __init__(
        self,
        handler: EndpointHandler,
        wire: Wire,
        surroundings: Surroundings,
        *,
        max_transactions: int,
        on_earlier: Callable[[float], None],
    ) -> None:
        self.deadlines = Deadlines(on_earlier)
        self.draining = False
        """Refuse new calls; those that are there go on."""
        self._handler = handler
        self._layer = TransactionLayer(
            wire,
            self.deadlines,
            clock=surroundings.clock,
            token=surroundings.token,
            limit=max_transactions,
        )
        self._context = Context(
            self._layer,
            surroundings.resolve,
            surroundings.random,
            surroundings.token,
            surroundings.newer_flow,
        )
        self.outside = Outside(self._context)
        self._secret = surroundings.token().encode()
        self._refused = 0
        self._malformed = 0
        self._bad_allowance = float(BAD_MESSAGES_PER_SECOND)
        self._bad_seen_at = surroundings.clock()

    # what we begin

    def invite(self, invitation: Invitation, handler: LegHandler) -> OutgoingLeg:
        target = invitation.target
        request = make_request(
            self._context,
            "INVITE",
            target,
            from_=invitation.from_,
            to=invitation.to,
            headers=invitation.headers,
        )
        if invitation.offer is not None:
            request.headers.add("Content-Type", "application/sdp")
            request.body = invitation.offer
        leg = OutgoingLeg(self._context, request, flow=invitation.flow)
        leg.handler = handler
        leg.credentials = invitation.credentials
        leg.start()
        return leg

    # what comes in

    def receive_request(self, request: Request, source: Flow) -> None:
        flow = reply_flow(request, source)
        key = server_key(request)
        if request.method == "ACK":
            self._receive_ack(request, key)
        elif request.method == "CANCEL":
            self._receive_cancel(request, key, flow)
        elif (entry := self._layer.find_server(key)) is not None:
            self._layer.receive_repeat(entry)
        elif request.to.tag is not None:
            self._receive_in_dialog(request, key, flow)
        else:
            self._receive_new(request, key, flow, source)

    def receive_response(self, response: Response) -> None:
        self._layer.receive_response(response)

    def receive_bad(self, bad: BadMessage, source: Flow) -> None:
        """One log line and, where the sender can be told, one answer; a flood gets neither."""
        self._malformed += 1
        if not self._may_answer_bad():
            return
        log.info(
            "malformed message",
            extra={"source": source.remote[0], "status": bad.status, "reason": bad.reason},
        )
        if bad.status is None or bad.request is None:
            return
        flow = reply_flow(bad.request, source)
        self._answer(bad.request, flow, Refuse(bad.status, reason=bad.reason))

    def flow_failed(self, flow: Flow) -> None:
        """The connection is gone: whatever waits for an answer over it waits in vain."""
        for user in self._layer.flow_failed(flow):
            if isinstance(user, IncomingLeg):
                user.flow_gone()

    @property
    def statistics(self) -> UserAgentStatistics:
        layer = self._layer.statistics
        return UserAgentStatistics(
            transactions=len(self._layer),
            dialogs=len(self._context.dialogs),
            legs=self._context.legs,
            retransmissions_sent=layer.retransmissions_sent,
            retransmissions_received=layer.retransmissions_received,
            refused=self._refused,
            malformed=self._malformed,
            transport_failures=layer.transport_failures,
        )

    # inside

    def _receive_ack(self, request: Request, key: Key) -> None:
        entry = self._layer.find_server(key)
        if entry is not None and not self._layer.receive_ack(entry):
            return
        found = self._context.dialogs.find(request)
        if found is not None:  # else a stray, or the ACK of a stateless refusal
            found[1].receive_ack(request)

    def _receive_cancel(self, request: Request, invite_key: Key, flow: Flow) -> None:
        key: Key = ("CANCEL", *invite_key)
        if (repeated := self._layer.find_server(key)) is not None:
            self._layer.receive_repeat(repeated)
            return
        invite = self._layer.find_server(invite_key)
        leg = invite.user if invite is not None else None
        if not isinstance(leg, IncomingLeg | EndedInvite) or leg.cancel_key != cancel_key(request):
            self._answer(request, flow, Refuse(481))
            return
        entry = self._layer.accept(request, key, flow)
        self._layer.respond(entry, make_response(request, 200, to_tag=leg.local_tag))
        leg.receive_cancel()

    def _receive_in_dialog(self, request: Request, key: Key, flow: Flow) -> None:
        found = self._context.dialogs.find(request)
        if found is None:
            self._answer(request, flow, Refuse(481))
            return
        refusal = refuse_extension(request)
        if request.method not in _IN_DIALOG:
            refusal = refuse_method(request.method)
        dialog, owner = found
        if refusal is None and not dialog.receive_request(request):
            refusal = Refuse(500, reason="CSeq Out of Order")
        if refusal is not None:
            self._answer(request, flow, refusal)
            return
        entry = self._layer.accept(request, key, flow)
        owner.receive_request(request, entry)

    def _receive_new(self, request: Request, key: Key, flow: Flow, source: Flow) -> None:
        verdict = refuse_unserved(request) or self._authorise(request, source)
        if isinstance(verdict, Refuse):
            self._refuse(request, flow, verdict)
            return
        if request.method == "OPTIONS":
            self._answer(
                request,
                flow,
                Refuse(200, (("Allow", ALLOW), ("Accept", "application/sdp"))),
            )
            return
        refusal = self._refuse_known(request, key)
        if refusal is not None:
            self._refuse(request, flow, refusal)
        elif request.method == "REGISTER":
            self._register(request, self._layer.accept(request, key, flow), source, verdict)
        else:
            self._invited(request, self._layer.accept(request, key, flow), source, verdict)

    def _authorise(self, request: Request, source: Flow) -> object:
        try:
            verdict = self._handler.authorise(request, source)
        except Exception:
            log.exception("endpoint handler failed", extra={"method": request.method})
            return Refuse(500)
        return verdict if isinstance(verdict, Refuse) else verdict.principal

    def _refuse_known(self, request: Request, key: Key) -> Refuse | None:
        """What even a peer we know cannot have."""
        if self._layer.is_merged(request, key):
            return Refuse(482)
        refusal = refuse_extension(request)
        if request.method == "INVITE":
            refusal = refusal or refuse_invite(request)
            if refusal is None and (self.draining or self._handler.over_capacity()):
                return BUSY
        if refusal is None and not self._layer.has_room():
            return BUSY
        return refusal

    def _register(
        self, request: Request, entry: ServerEntry, source: Flow, principal: object
    ) -> None:
        try:
            response = self._handler.receive_register(request, source, principal)
        except Exception:
            log.exception("endpoint handler failed", extra={"method": request.method})
            response = make_response(request, 500, to_tag=self._tag(request))
        self._layer.respond(entry, response)

    def _invited(
        self, request: Request, entry: ServerEntry, source: Flow, principal: object
    ) -> None:
        self._layer.respond(entry, make_response(request, 100))
        leg = IncomingLeg(
            self._context,
            request,
            source,
            entry,
            sdp=sdp_of(request),
            pinned=is_behind_nat(request, source),
        )
        try:
            self._handler.receive_invite(leg, principal)
        except Exception:
            log.exception("endpoint handler failed", extra={"sip_call_id": leg.sip_call_id})
            leg.refuse(500)
            leg.hang_up()

    def _refuse(self, request: Request, flow: Flow, refusal: Refuse) -> None:
        self._refused += 1
        self._answer(request, flow, refusal)

    def _answer(self, request: Request, flow: Flow, answer: Refuse) -> None:
        """Answer without keeping anything: a repeat of the request gets the same answer again."""
        response = make_response(
            request,
            answer.status,
            answer.reason,
            to_tag=self._tag(request),
            headers=answer.headers,
        )
        self._layer.wire.send(flow, response.to_bytes())

    def _tag(self, request: Request) -> str:
        """The same for every repeat of a request, and for nobody to guess."""
        text = f"{request.call_id}\n{request.from_.tag}\n{request.cseq.number}"
        return hmac.digest(self._secret, text.encode(), "sha256").hex()[:16]

    def _may_answer_bad(self) -> bool:
        now = self._layer.clock()
        earned = (now - self._bad_seen_at) * BAD_MESSAGES_PER_SECOND
        self._bad_allowance = min(BAD_MESSAGES_PER_SECOND, self._bad_allowance + earned)
        self._bad_seen_at = now
        if self._bad_allowance < 1:
            return False
        self._bad_allowance -= 1
        return True
