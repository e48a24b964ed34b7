"""A user agent without sockets, on a clock that tests turn, and the peer it talks with."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field

from telephony.sip.message import Message, Request, Response, make_response
from telephony.sip.parser import parse_message
from telephony.sip.uri import NameAddress, SipUri
from telephony.transport.flow import Address, Flow
from telephony.ua.core import Surroundings, UserAgent
from telephony.ua.handlers import Accept, Verdict
from telephony.ua.incoming_leg import IncomingLeg
from telephony.ua.leg import LegState, SipLeg
from telephony.ua.leg_handler import Credentials, HeaderFields
from telephony.ua.outgoing_leg import Invitation, OutgoingLeg

OURS: Address = ("192.0.2.1", 5060)
PEER: Address = ("192.0.2.7", 5070)
UDP = Flow("udp", PEER, OURS)
TCP = Flow("tcp", PEER, OURS, 1)
OFFER = b"v=0\r\no=- 1 1 IN IP4 192.0.2.7\r\ns=-\r\n"
ANSWER = b"v=0\r\no=- 2 2 IN IP4 192.0.2.1\r\ns=-\r\n"


class FakeWire:
    """Keeps what is sent; `down` makes every way fail."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.sent: list[tuple[float, Flow, bytes]] = []
        self.closed: set[Flow] = set()
        self.down = False
        self.unreachable = False

    def send(self, flow: Flow, data: bytes) -> bool:
        if self.down or flow in self.closed:
            return False
        self.sent.append((self._clock(), flow, data))
        return True

    def connect(self, transport: str, remote: Address) -> Flow | None:
        if self.unreachable or transport not in ("udp", "tcp"):
            return None
        return Flow(transport, remote, OURS, 0 if transport == "udp" else 99)

    def is_open(self, flow: Flow) -> bool:
        return flow not in self.closed

    def contact_address(self, flow: Flow) -> Address:
        return flow.local


@dataclass
class LegLog:
    """A LegHandler that writes down what it is told; `answers` are what it returns."""

    seen: list[tuple[object, ...]] = field(default_factory=list)
    late_answer: bytes | None = None
    reoffer: bytes | int = ANSWER
    info_status: int = 200
    refer_status: int = 202
    on: dict[str, Callable[[], None]] = field(default_factory=dict)

    def _note(self, name: str, *details: object) -> None:
        self.seen.append((name, *details))
        self.on.get(name, lambda: None)()

    def leg_ringing(self, status: int, sdp: bytes | None) -> None:
        self._note("ringing", status, sdp)

    def leg_answered(self, sdp: bytes | None) -> bytes | None:
        self._note("answered", sdp)
        return self.late_answer

    def leg_acknowledged(self, sdp: bytes | None) -> None:
        self._note("acknowledged", sdp)

    def leg_failed(self, status: int, reason: str) -> None:
        self._note("failed", status, reason)

    def leg_cancelled(self) -> None:
        self._note("cancelled")

    def leg_offered(self, sdp: bytes | None) -> bytes | int:
        self._note("offered", sdp)
        return self.reoffer

    def leg_reoffer_answered(self, sdp: bytes | None, status: int) -> None:
        self._note("reoffer", sdp, status)

    def leg_info(self, content_type: str, body: bytes) -> int:
        self._note("info", content_type, body)
        return self.info_status

    def leg_referred(self, target: SipUri, replaced: object) -> int:
        self._note("referred", str(target), replaced)
        return self.refer_status

    def leg_ended(self, cause: str) -> None:
        self._note("ended", cause)


class Switch:
    """An EndpointHandler that lets everybody in, unless told otherwise."""

    def __init__(self) -> None:
        self.verdict: Verdict = Accept("somebody")
        self.full = False
        self.asked = 0
        self.legs: list[IncomingLeg] = []
        self.principals: list[object] = []
        self.registered: list[Flow] = []
        self.fault: Exception | None = None
        self.on_invite: Callable[[IncomingLeg], None] = lambda leg: None

    def authorise(self, request: Request, flow: Flow) -> Verdict:
        self.asked += 1
        if self.fault is not None:
            raise self.fault
        return self.verdict

    def receive_invite(self, leg: IncomingLeg, principal: object) -> None:
        self.legs.append(leg)
        self.principals.append(principal)
        leg.handler = LegLog()
        self.on_invite(leg)

    def receive_register(self, request: Request, flow: Flow, principal: object) -> Response:
        self.registered.append(flow)
        return make_response(request, 200, to_tag="reg")

    def over_capacity(self) -> bool:
        return self.full


class World:
    """One user agent, its peer's side of the wire, and the time."""

    def __init__(self, *, max_transactions: int = 1000, chance: float = 0.5) -> None:
        self.now = 0.0
        self.switch = Switch()
        self.wire = FakeWire(lambda: self.now)
        self.names: dict[str, Address] = {}
        self.waiting_names: list[tuple[str, Callable[[Address | None], None]]] = []
        self.newer: dict[Flow, Flow] = {}
        """Connections that took the place of lost ones."""
        self.chance = chance
        tokens = itertools.count(1)
        self.agent = UserAgent(
            self.switch,
            self.wire,
            Surroundings(
                clock=lambda: self.now,
                random=lambda: self.chance,
                token=lambda: f"token{next(tokens)}",
                resolve=self._resolve,
                newer_flow=lambda flow, contact: self.newer.get(flow),
            ),
            max_transactions=max_transactions,
            on_earlier=lambda due: None,
        )

    def _resolve(self, host: str, port: int, found: Callable[[Address | None], None]) -> None:
        if host[0].isdigit():
            found((host, port))
        else:
            self.waiting_names.append((host, found))

    # time

    def run(self, until: float) -> None:
        """Let the time pass; every deadline is served at its own moment."""
        while (due := self.agent.deadlines.next_timeout()) is not None and due <= until:
            self.now = max(self.now, due)
            self.agent.deadlines.handle_timeout(now=self.now)
        self.now = until

    # the peer's side

    def take(self) -> list[Message]:
        """What was sent since the last time."""
        messages = [parse_message(data) for _, _, data in self.wire.sent]
        self.wire.sent.clear()
        return messages

    def take_times(self, first_line: str) -> list[float]:
        """When messages that begin so were sent; forgets everything sent."""
        times = [at for at, _, data in self.wire.sent if data.startswith(first_line.encode())]
        self.wire.sent.clear()
        return times

    def take_one(self) -> Message:
        [message] = self.take()
        return message

    def take_request(self) -> Request:
        message = self.take_one()
        assert isinstance(message, Request)
        return message

    def take_response(self) -> Response:
        message = self.take_one()
        assert isinstance(message, Response)
        return message

    def statuses(self) -> list[int | str]:
        """What was sent, as statuses and methods; forgets it."""
        return [m.status if isinstance(m, Response) else m.method for m in self.take()]

    def receive(self, message: Message | str, flow: Flow = UDP) -> None:
        if isinstance(message, str):
            message = parse_message(message.encode())
        else:
            message = parse_message(message.to_bytes())
        if isinstance(message, Request):
            self.agent.receive_request(message, flow)
        else:
            self.agent.receive_response(message)

    # shortcuts

    @property
    def leg(self) -> IncomingLeg:
        return self.switch.legs[-1]

    def call_in(self, request: str | None = None, *, flow: Flow = UDP) -> IncomingLeg:
        self.receive(request or invite(), flow)
        return self.leg

    def answered_in(self, *, offer: bytes = OFFER) -> tuple[IncomingLeg, Response]:
        """An incoming call with our 200 sent, not acknowledged."""
        leg = self.call_in(invite(body=offer))
        self.take()
        leg.answer(ANSWER)
        return leg, self.take_response()

    def established_in(self) -> tuple[IncomingLeg, Response]:
        leg, ok = self.answered_in()
        self.receive(in_dialog("ACK", ok, cseq=1))
        seen(leg).clear()
        return leg, ok

    def call_out(
        self,
        log: LegLog,
        *,
        target: str = "sip:bob@192.0.2.7:5070",
        offer: bytes | None = OFFER,
        flow: Flow | None = None,
        headers: HeaderFields = (),
        credentials: Credentials | None = None,
    ) -> OutgoingLeg:
        invitation = Invitation(
            SipUri.parse(target),
            NameAddress.parse("<sip:alice@192.0.2.1>"),
            NameAddress.parse("<sip:bob@192.0.2.7>"),
            offer,
            flow,
            headers,
            credentials,
        )
        return self.agent.invite(invitation, log)

    def established_out(self, log: LegLog) -> tuple[OutgoingLeg, Request, Request]:
        """An answered call of ours, with its INVITE and its ACK."""
        leg = self.call_out(log)
        sent = self.take_request()
        self.receive(reply(sent, 200, body=ANSWER))
        ack = self.take_request()
        log.seen.clear()
        return leg, sent, ack


def seen(leg: SipLeg) -> list[tuple[object, ...]]:
    assert isinstance(leg.handler, LegLog)
    return leg.handler.seen


def state(leg: SipLeg) -> LegState:
    """Asked anew each time; the attribute would look constant to the type checker."""
    return leg.state


def request(
    method: str = "INVITE",
    *,
    uri: str = "sip:5000@192.0.2.1",
    branch: str = "z9hG4bKpeer1",
    via: str = "SIP/2.0/UDP 192.0.2.7:5070",
    call_id: str = "call-1",
    from_tag: str = "peer",
    to: str = "<sip:5000@192.0.2.1>",
    cseq: int = 1,
    contact: str | None = "<sip:peer@192.0.2.7:5070>",
    headers: tuple[str, ...] = (),
    body: bytes = b"",
) -> str:
    """A request from the peer, as text."""
    lines = [
        f"{method} {uri} SIP/2.0",
        f"Via: {via};branch={branch}",
        f"From: <sip:peer@192.0.2.7>;tag={from_tag}",
        f"To: {to}",
        f"Call-ID: {call_id}",
        f"CSeq: {cseq} {method}",
        *headers,
    ]
    if contact is not None:
        lines.append(f"Contact: {contact}")
    if body and not any(line.lower().startswith("content-type") for line in headers):
        lines.append("Content-Type: application/sdp")
    lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines) + "\r\n\r\n" + body.decode()


def invite(**changes: object) -> str:
    return request("INVITE", **({"body": OFFER} | changes))  # type: ignore[arg-type]


_BRANCHES = itertools.count(1)


def in_dialog(method: str, answer: Response, *, cseq: int = 2, **changes: object) -> str:
    """A request from the caller inside the dialog that our `answer` confirmed."""
    fields: dict[str, object] = {
        "branch": f"z9hG4bKdialog{next(_BRANCHES)}",
        "to": str(answer.to),
        "call_id": answer.call_id,
        "from_tag": answer.from_.tag,
        "cseq": cseq,
    }
    return request(method, **(fields | changes))  # type: ignore[arg-type]


def reply(
    to: Request,
    status: int,
    *,
    tag: str | None = "peer",
    headers: tuple[tuple[str, str], ...] = (("Contact", "<sip:bob@192.0.2.7:5070>"),),
    body: bytes = b"",
) -> Response:
    """The peer's response to a request of ours."""
    return make_response(to, status, to_tag=tag, headers=headers, body=body)


def from_callee(
    method: str, sent: Request, *, cseq: int = 1, tag: str = "peer", **changes: object
) -> str:
    """A request from the peer inside the dialog that our INVITE `sent` began."""
    fields: dict[str, object] = {
        "branch": f"z9hG4bKcallee{next(_BRANCHES)}",
        "to": str(sent.from_),
        "call_id": sent.call_id,
        "from_tag": tag,
        "cseq": cseq,
    }
    return request(method, **(fields | changes))  # type: ignore[arg-type]
