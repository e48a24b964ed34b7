"""What a leg reports to the application, and what the application may give it."""

from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from telephony.sip.uri import SipUri

HeaderFields: TypeAlias = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Credentials:
    """How we answer a digest challenge of the one peer they were configured for."""

    username: str
    password: str = field(repr=False)
    realm: str | None = None
    """Answer only challenges for this realm; None answers whatever realm the peer names."""


class LegHandler(Protocol):
    """Told what happens to one leg.

    Before answer exactly one of `leg_answered`, `leg_failed` (outgoing) or `leg_cancelled`
    (incoming) comes, unless we ended the leg ourselves. After answer `leg_ended` comes exactly
    once, unless we ended the leg ourselves. After our own `hang_up()` or `refuse()` nothing comes.
    """

    def leg_ringing(self, status: int, sdp: bytes | None) -> None:
        """Outgoing: a provisional response above 100; several may come, from several forks."""

    def leg_answered(self, sdp: bytes | None) -> bytes | None:
        """Outgoing: 2xx. Where it carried the offer (we sent none), return the answer."""

    def leg_acknowledged(self, sdp: bytes | None) -> None:
        """ACK of our 2xx; `sdp` is the answer where our 2xx carried the offer.

        Comes once after `answer()`, and again after each re-INVITE that had no offer.
        """

    def leg_failed(self, status: int, reason: str) -> None:
        """Outgoing: refused; 408 when nobody answered us, 503 when it could not be sent."""

    def leg_cancelled(self) -> None:
        """Incoming: the caller gave up before answer; 487 was sent."""

    def leg_offered(self, sdp: bytes | None) -> bytes | int:
        """A re-INVITE: our answer (our full offer where `sdp` is None), or a refusing status."""

    def leg_reoffer_answered(self, sdp: bytes | None, status: int) -> None:
        """What became of our `reinvite()`; the call goes on whatever the status.

        491 means that the peer changed the session first: make a fresh offer if it still matters.
        """

    def leg_info(self, content_type: str, body: bytes) -> int:
        """An INFO request; return the status of the answer."""

    def leg_referred(self, target: SipUri, replaced: object) -> int:
        """The peer wants the other one to talk with `target` (RFC 3515); 202 accepts.

        `replaced` is another leg of ours whose far end is meant, in an attended transfer.
        """

    def leg_ended(self, cause: str) -> None:
        """`remote_hung_up`, `no_ack`, `no_answer_in_ack`, `dialog_lost` or `error`.

        `error`: a method of this handler raised; it may come before answer too, and comes last.
        """
