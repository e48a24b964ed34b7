"""Finds the transaction a message belongs to (RFC 3261 sections 17.1.3, 17.2.3 and 8.2.2.2).

Sans-IO: a table of machines under their keys; it never looks at the clock.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

from telephony.sip.effects import Effect
from telephony.sip.invite_client import InviteClientTransaction
from telephony.sip.invite_server import InviteServerTransaction
from telephony.sip.message import Request, Response
from telephony.sip.non_invite_client import NonInviteClientTransaction
from telephony.sip.non_invite_server import NonInviteServerTransaction

MAGIC_COOKIE = "z9hG4bK"

Key: TypeAlias = tuple[object, ...]
FlowT = TypeVar("FlowT")
"""Whatever the caller sends by; the table only carries it."""


def server_key(request: Request) -> Key:
    """Equal for a request, its repeats, and the ACK or CANCEL that belongs to it.

    The caller tells a CANCEL from its INVITE by the method, which for both is `INVITE` here.
    """
    method = "INVITE" if request.method in ("ACK", "CANCEL") else request.method
    via = request.via
    branch = via.branch
    if branch is not None and branch.startswith(MAGIC_COOKIE):
        return (branch, via.host.lower(), via.port, method)
    # An element of RFC 2543 may use the same branch for all its requests.
    cseq = request.cseq
    return (branch, via.host.lower(), via.port, method, request.call_id, cseq.number)


def client_key(message: Request | Response) -> Key:
    return (message.via.branch, message.cseq.method)


@dataclass(slots=True, eq=False)
class ServerEntry(Generic[FlowT]):
    machine: InviteServerTransaction | NonInviteServerTransaction
    flow: FlowT
    key: Key
    carry_out: "CarryOut[FlowT]"
    merge_key: Key | None = None
    """Equal for copies of one request that came by different ways; None inside a dialog."""
    user: object = None
    """The leg an INVITE created, or was received by."""
    scheduled: float | None = None

    def next_timeout(self) -> float | None:
        return self.machine.next_timeout()

    def handle_timeout(self, *, now: float) -> None:
        self.carry_out(self, self.machine.handle_timeout(now=now))


@dataclass(slots=True, eq=False)
class ClientEntry(Generic[FlowT]):
    machine: InviteClientTransaction | NonInviteClientTransaction
    flow: FlowT
    key: Key
    carry_out: "CarryOut[FlowT]"
    user: object
    """Whoever sent the request, and gets its responses."""
    scheduled: float | None = None

    def next_timeout(self) -> float | None:
        return self.machine.next_timeout()

    def handle_timeout(self, *, now: float) -> None:
        self.carry_out(self, self.machine.handle_timeout(now=now))


Entry: TypeAlias = ServerEntry[FlowT] | ClientEntry[FlowT]
CarryOut: TypeAlias = Callable[[Entry[FlowT], Sequence[Effect]], None]


class TransactionTable(Generic[FlowT]):
    """Every transaction of an endpoint, never more than `limit` of them.

    When it is full, those that only absorb repeats make room, the oldest first; when all of them
    are still at work, new ones are refused.
    """

    def __init__(self, *, limit: int, carry_out: CarryOut[FlowT]) -> None:
        self._limit = limit
        self._carry_out = carry_out
        self._servers: dict[Key, ServerEntry[FlowT]] = {}
        self._clients: dict[Key, ClientEntry[FlowT]] = {}
        self._merge_keys: dict[Key, Key] = {}
        self._settled: dict[int, Entry[FlowT]] = {}

    def __len__(self) -> int:
        return len(self._servers) + len(self._clients)

    def has_room(self) -> bool:
        return len(self) < self._limit or bool(self._settled)

    def find_server(self, key: Key) -> ServerEntry[FlowT] | None:
        return self._servers.get(key)

    def find_client(self, response: Response) -> ClientEntry[FlowT] | None:
        return self._clients.get(client_key(response))

    def is_merged(self, request: Request, key: Key) -> bool:
        """RFC 3261 8.2.2.2: the same request is already being handled under another branch."""
        other = self._merge_keys.get(_merge_key(request))
        return other is not None and other != key

    def add_server(
        self, request: Request, key: Key, flow: FlowT, *, reliable: bool
    ) -> ServerEntry[FlowT]:
        machine = (
            InviteServerTransaction(reliable=reliable)
            if request.method == "INVITE"
            else NonInviteServerTransaction(reliable=reliable)
        )
        entry = ServerEntry(machine, flow, key, self._carry_out)
        if request.to.tag is None:
            entry.merge_key = _merge_key(request)
            self._merge_keys[entry.merge_key] = key
        self._make_room()
        self._servers[key] = entry
        return entry

    def add_client(
        self, request: Request, flow: FlowT, user: object, *, reliable: bool
    ) -> ClientEntry[FlowT]:
        machine = (
            InviteClientTransaction(request, reliable=reliable)
            if request.method == "INVITE"
            else NonInviteClientTransaction(request.to_bytes(), reliable=reliable)
        )
        entry = ClientEntry(machine, flow, client_key(request), self._carry_out, user)
        self._make_room()
        self._clients[entry.key] = entry
        return entry

    def update(self, entry: Entry[FlowT]) -> None:
        """Call after every input to its machine: forgets it when it has ended."""
        if entry.machine.terminated:
            self._forget(entry)
        elif entry.machine.settled:
            self.settle(entry)

    def settle(self, entry: Entry[FlowT]) -> None:
        """It may be forgotten early: a 2xx to INVITE that was acknowledged, for one."""
        self._settled.setdefault(id(entry), entry)

    def on_flow(self, flow: FlowT) -> list[Entry[FlowT]]:
        servers = [entry for entry in self._servers.values() if entry.flow == flow]
        return [*servers, *(entry for entry in self._clients.values() if entry.flow == flow)]

    def _make_room(self) -> None:
        if len(self) >= self._limit and self._settled:
            self._forget(next(iter(self._settled.values())))

    def _forget(self, entry: Entry[FlowT]) -> None:
        self._settled.pop(id(entry), None)
        if isinstance(entry, ClientEntry):
            self._clients.pop(entry.key, None)
            return
        self._servers.pop(entry.key, None)
        if entry.merge_key is not None:
            self._merge_keys.pop(entry.merge_key, None)


def _merge_key(request: Request) -> Key:
    cseq = request.cseq
    return (request.call_id, request.from_.tag, cseq.number, cseq.method)
