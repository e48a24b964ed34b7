"""Carries out what the transaction machines ask for: sends, reports, and wakes them in time."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from telephony.sip.effects import (
    AckNotReceived,
    AckReceived,
    Effect,
    ResponseReceived,
    SendMessage,
    TimedOut,
)
from telephony.sip.invite_client import InviteClientTransaction
from telephony.sip.invite_server import InviteServerTransaction
from telephony.sip.message import Request, Response
from telephony.sip.transactions import (
    MAGIC_COOKIE,
    ClientEntry as _ClientEntry,
    Key,
    ServerEntry as _ServerEntry,
    TransactionTable,
)
from telephony.transport.flow import Address, Flow
from telephony.ua.deadlines import Alarm, Deadlines

log = logging.getLogger(__name__)

ServerEntry: TypeAlias = _ServerEntry[Flow]
ClientEntry: TypeAlias = _ClientEntry[Flow]


class Wire(Protocol):
    """What the user agent needs of the transports below it."""

    def send(self, flow: Flow, data: bytes) -> bool:
        """False: the flow's connection is gone, nothing was sent."""

    def connect(self, transport: str, remote: Address) -> Flow | None:
        """A flow to that address; over TCP messages wait while it connects. None: impossible."""

    def is_open(self, flow: Flow) -> bool: ...

    def contact_address(self, flow: Flow) -> Address:
        """Where a peer on the far end of that flow reaches us with a new request."""


class ClientUser(Protocol):
    """Whoever sent a request."""

    def receive_response(self, response: Response) -> None: ...

    def request_failed(self, status: int, reason: str) -> None:
        """408: no final response came in time. 503: it could not be sent."""


@dataclass(slots=True)
class LayerStatistics:
    retransmissions_sent: int = 0
    retransmissions_received: int = 0
    transport_failures: int = 0


class TransactionLayer:
    def __init__(
        self,
        wire: Wire,
        deadlines: Deadlines,
        *,
        clock: Callable[[], float],
        token: Callable[[], str],
        limit: int,
    ) -> None:
        self.wire = wire
        self.deadlines = deadlines
        self.clock = clock
        self.statistics = LayerStatistics()
        self._token = token
        self._table: TransactionTable[Flow] = TransactionTable(
            limit=limit, carry_out=self._on_timeout
        )

    def __len__(self) -> int:
        return len(self._table)

    # what the table knows

    def has_room(self) -> bool:
        return self._table.has_room()

    def find_server(self, key: Key) -> ServerEntry | None:
        return self._table.find_server(key)

    def is_merged(self, request: Request, key: Key) -> bool:
        return self._table.is_merged(request, key)

    # the server side

    def accept(self, request: Request, key: Key, flow: Flow) -> ServerEntry:
        """Open a server transaction for a request that is no repeat of another."""
        return self._table.add_server(request, key, flow, reliable=flow.reliable)

    def receive_repeat(self, entry: ServerEntry) -> None:
        self.statistics.retransmissions_received += 1
        machine = entry.machine
        if isinstance(machine, InviteServerTransaction):
            self._carry_out(entry, machine.receive_invite())
        else:
            self._carry_out(entry, machine.receive_request())

    def receive_ack(self, entry: ServerEntry) -> bool:
        """True: the ACK is for a 2xx, and so for the dialog."""
        machine = entry.machine
        assert isinstance(machine, InviteServerTransaction)  # the key says so
        effects = machine.receive_ack(now=self.clock())
        self._carry_out(entry, effects)
        return any(isinstance(effect, AckReceived) for effect in effects)

    def respond(self, entry: ServerEntry, response: Response) -> bytes:
        data = response.to_bytes()
        effects = entry.machine.send_response(response.status, data, now=self.clock())
        self._carry_out(entry, effects)
        return data

    def repeat_2xx(self, entry: ServerEntry, data: bytes) -> None:
        """The user repeats its 2xx, which the transaction only absorbs (RFC 6026)."""
        self.statistics.retransmissions_sent += 1
        self.wire.send(entry.flow, data)

    def settle(self, entry: ServerEntry) -> None:
        self._table.settle(entry)

    # the client side

    def send_request(self, request: Request, flow: Flow, user: ClientUser) -> ClientEntry:
        """Send it over `flow`, with a Via of ours on top. `user` hears what becomes of it."""
        self.add_via(request, flow)
        entry = self._table.add_client(request, flow, user, reliable=flow.reliable)
        self._carry_out(entry, entry.machine.start(now=self.clock()))
        return entry

    def send_cancel(self, cancel: Request, invite: ClientEntry, user: ClientUser) -> None:
        """A CANCEL has the Via of its INVITE, and is a transaction of its own."""
        entry = self._table.add_client(cancel, invite.flow, user, reliable=invite.flow.reliable)
        self._carry_out(entry, entry.machine.start(now=self.clock()))
        assert isinstance(invite.machine, InviteClientTransaction)
        invite.machine.expire_after_cancel(now=self.clock())
        self.deadlines.watch(invite)

    def send_ack(self, ack: Request, flow: Flow) -> bytes:
        """The ACK of a 2xx has no transaction; returned for the case that the 2xx repeats."""
        self.add_via(ack, flow)
        data = ack.to_bytes()
        self.wire.send(flow, data)
        return data

    def add_via(self, request: Request, flow: Flow) -> None:
        host, port = self.wire.contact_address(flow)
        host = f"[{host}]" if ":" in host else host
        branch = MAGIC_COOKIE + self._token()
        via = f"SIP/2.0/{flow.via_transport} {host}:{port};rport;branch={branch}"
        request.headers.prepend("Via", via)

    def receive_response(self, response: Response) -> None:
        entry = self._table.find_client(response)
        if entry is None:
            return  # late, or for somebody else: RFC 3261 18.1.2 has it dropped
        self._carry_out(entry, entry.machine.receive_response(response, now=self.clock()))

    # failures and time

    def flow_failed(self, flow: Flow) -> list[object]:
        """Fail what was sent over it; returns the users of requests that came over it."""
        entries = self._table.on_flow(flow)
        for entry in entries:
            self._carry_out(entry, entry.machine.transport_failed())
        return [entry.user for entry in entries if isinstance(entry, _ServerEntry)]

    def _on_timeout(self, entry: ServerEntry | ClientEntry, effects: Sequence[Effect]) -> None:
        sends = sum(isinstance(effect, SendMessage) for effect in effects)
        self.statistics.retransmissions_sent += sends
        self._carry_out(entry, effects)

    def _carry_out(self, entry: ServerEntry | ClientEntry, effects: Sequence[Effect]) -> None:
        # What the user does about one effect may change the machine: update the table first.
        self._table.update(entry)
        if not entry.machine.terminated:
            self.deadlines.watch(entry)
        for effect in effects:
            if isinstance(effect, SendMessage):
                if not self.wire.send(entry.flow, effect.data):
                    self._transport_failed(entry)
                    return
            elif isinstance(entry, _ClientEntry):
                self._report(entry, effect)
            elif isinstance(effect, AckNotReceived):
                log.info("final response was never acknowledged", extra={"flow": entry.flow})

    def _transport_failed(self, entry: ServerEntry | ClientEntry) -> None:
        self.statistics.transport_failures += 1
        effects = entry.machine.transport_failed()
        self._table.update(entry)
        if isinstance(entry, _ClientEntry) and effects:
            # Whoever is just sending the request learns of it when the call has returned.
            client, [failure] = entry, effects
            self.deadlines.watch(Alarm(self.clock(), lambda: self._report(client, failure)))

    def _report(self, entry: ClientEntry, effect: Effect) -> None:
        user: ClientUser = entry.user  # type: ignore[assignment]
        if isinstance(effect, ResponseReceived):
            user.receive_response(effect.response)
        elif isinstance(effect, TimedOut):
            user.request_failed(408, "Request Timeout")
        else:
            user.request_failed(503, "Service Unavailable")


__all__ = [
    "ClientEntry",
    "ClientUser",
    "LayerStatistics",
    "ServerEntry",
    "TransactionLayer",
    "Wire",
]
