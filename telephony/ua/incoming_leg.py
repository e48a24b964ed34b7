"""The leg of a party that called us."""

from typing import TypeAlias

from telephony.sip.dialog import Dialog
from telephony.sip.message import Request
from telephony.transport.flow import Flow
from telephony.ua.context import Context
from telephony.ua.layer import ServerEntry
from telephony.ua.leg import LegState, SipLeg
from telephony.ua.leg_handler import HeaderFields

CancelKey: TypeAlias = tuple[str, str | None]

_UNANSWERED = (LegState.INVITED, LegState.RINGING)


class EndedInvite:
    """What stays of an INVITE's leg for a CANCEL that comes too late."""

    __slots__ = ("cancel_key", "local_tag")

    def __init__(self, cancel_key: CancelKey, local_tag: str) -> None:
        self.cancel_key = cancel_key
        self.local_tag = local_tag

    def receive_cancel(self) -> None: ...


def cancel_key(request: Request) -> CancelKey:
    """Equal for an INVITE and the CANCEL that its sender makes of it."""
    return (request.call_id, request.from_.tag)


class IncomingLeg(SipLeg):
    def __init__(
        self,
        context: Context,
        request: Request,
        flow: Flow,
        entry: ServerEntry,
        *,
        sdp: bytes | None,
        pinned: bool,
    ) -> None:
        super().__init__(
            context,
            request,
            flow,
            remote=request.from_,
            state=LegState.INVITED,
            pinned=pinned,
        )
        self.remote_sdp = sdp
        self.dialog = Dialog.of_invite(request, context.token())
        self.local_tag = self.dialog.local_tag
        self.cancel_key = cancel_key(request)
        self._entry = entry
        entry.user = self
        context.dialogs.add(self.dialog, self)

    @property
    def owns_call_id(self) -> bool:
        return False

    def ring(self, sdp: bytes | None = None, status: int = 180) -> None:
        """A provisional response above 100, with early media where `sdp` is given.

        Without effect once the leg is answered or has ended, as when the caller just gave up.
        """
        if self.state not in _UNANSWERED:
            return
        if self.state is LegState.INVITED:
            self.enter(LegState.RINGING)
        contact = (("Contact", self._context.contact(self._entry.flow)),)
        self.respond(self._entry, self.request, status, headers=contact, body=sdp or b"")

    def answer(self, sdp: bytes) -> None:
        """200 OK; without effect once the leg is answered or has ended."""
        if self.state in _UNANSWERED:
            self.enter(LegState.ANSWERED)
            self.accept_invite(self._entry, self.request, sdp)

    def refuse(self, status: int, reason: str | None = None, headers: HeaderFields = ()) -> None:
        """A final response from 300 up; without effect once answered or ended."""
        if self.state in _UNANSWERED:
            self._silent = True
            self._finish()
            self.respond(self._entry, self.request, status, reason=reason, headers=headers)

    def receive_cancel(self) -> None:
        """The caller gave up; too late once we have answered."""
        if self.state in _UNANSWERED:
            self._finish()
            self.respond(self._entry, self.request, 487)
            self.tell(lambda handler: handler.leg_cancelled())
            self._silent = True

    def flow_gone(self) -> None:
        """The connection that alone could carry our response was closed."""
        self.receive_cancel()

    def _finish(self) -> None:
        super()._finish()
        # The transaction stays for half a minute; the leg need not.
        self._entry.user = EndedInvite(self.cancel_key, self.local_tag)

    def _receive_early_bye(self) -> None:
        """RFC 3261 15.1.2: the INVITE is answered as if it had been cancelled."""
        self.receive_cancel()

    def _hang_up_early(self) -> None:
        if self.state is LegState.ANSWERED:
            # RFC 3261 15: no BYE "until it has received an ACK for its 2xx response".
            self._hang_up_wanted = True
            return
        headers = () if self._bye_reason is None else (("Reason", self._bye_reason),)
        self.refuse(480, headers=headers)

    def _refuse_broken(self) -> None:
        if self.state in _UNANSWERED:
            self.refuse(500)
        else:
            self.hang_up()
