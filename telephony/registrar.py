"""Where phones can be reached: their registrations (RFC 3261 section 10.3).

Sans-IO: the caller gives the time, sends the response and publishes the changes.
"""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Protocol

from config.tenancy import TenantId
from telephony.directory import PhoneUser
from telephony.sip.headers import parse_number
from telephony.sip.message import Request, Response, make_response
from telephony.sip.uri import BadUri, NameAddress, SipUri
from telephony.transport.flow import Address, Flow

_MOST_IN_A_REQUEST = 10
_MOST_FORMER = 10_000


@dataclass(frozen=True, slots=True)
class Binding:
    contact: SipUri
    flow: Flow
    """What the phone is reached over, whatever its Contact says: it may be behind a NAT."""
    expires_at: float
    call_id: str
    cseq: int


@dataclass(frozen=True, slots=True)
class KeptBinding:
    """A binding that outlives the process."""

    tenant_id: TenantId
    user: str
    contact: SipUri
    flow: Flow
    expires: float
    """Seconds since 1970: the registrar's own clock begins anew with each start."""
    call_id: str
    cseq: int


class BindingStore(Protocol):
    """Keeps bindings over a restart."""

    async def read(self) -> list[KeptBinding]:
        """What was kept last; empty where there is nothing that can be used."""

    async def write(self, bindings: list[KeptBinding]) -> None:
        """Raises OSError."""


@dataclass(frozen=True, slots=True)
class Registered:
    tenant_id: TenantId
    user: str
    contact: str
    expires_seconds: int


@dataclass(frozen=True, slots=True)
class Unregistered:
    tenant_id: TenantId
    user: str
    contact: str
    reason: str


Change = Registered | Unregistered
_Key = tuple[TenantId, str]
_Peer = tuple[str, Address, int]
"""The far end of a flow, whichever of our addresses it speaks to."""


class _Refused(Exception):
    def __init__(self, status: int, *headers: tuple[str, str]) -> None:
        super().__init__(status)
        self.status = status
        self.headers = headers


class Registrar:
    def __init__(self, *, least_seconds: int, most_seconds: int, most_contacts: int) -> None:
        self._least = least_seconds
        self._most = most_seconds
        self._most_contacts = most_contacts
        self._bindings: dict[_Key, dict[str, Binding]] = {}
        # Every call of a trunk asks whose flow it is: that must not take a look at every phone.
        self._users: dict[_Peer, dict[_Key, None]] = {}
        self._former: OrderedDict[_Peer, _Key] = OrderedDict()
        """Whose phone spoke over connections that are gone."""
        self._due: list[tuple[float, TenantId, str]] = []
        """A heap of when bindings lapse; what was refreshed meanwhile stays in for its time."""

    def receive_register(
        self, request: Request, flow: Flow, phone: PhoneUser, *, now: float, to_tag: str
    ) -> tuple[Response, list[Change]]:
        """Carry out a REGISTER of an authenticated phone: all of it, or nothing."""
        changes = self.expire(now=now)
        key = (phone.tenant_id, phone.user)
        before = self._bindings.get(key, {})
        try:
            after = self._updated(request, flow, before, now)
        except _Refused as refusal:
            headers = refusal.headers
            return make_response(request, refusal.status, to_tag=to_tag, headers=headers), changes
        self._keep(key, after)
        changes += _differences(key, before, after, now)
        contacts = [
            ("Contact", f"<{b.contact}>;expires={max(0, round(b.expires_at - now))}")
            for b in after.values()
        ]
        return make_response(request, 200, to_tag=to_tag, headers=contacts), changes

    def expire(self, *, now: float) -> list[Change]:
        """Forget what was not refreshed."""
        changes: list[Change] = []
        while self._due and self._due[0][0] <= now:
            _, tenant_id, user = heappop(self._due)
            key = (tenant_id, user)
            bindings = self._bindings.get(key, {})
            kept = {c: b for c, b in bindings.items() if b.expires_at > now}
            changes += [
                Unregistered(*key, str(b.contact), "expired")
                for c, b in bindings.items()
                if c not in kept
            ]
            if len(kept) < len(bindings):
                self._keep(key, kept)
        return changes

    def drop_flow(self, flow: Flow) -> list[Change]:
        """A connection was closed: nobody can be reached over it any more."""
        changes: list[Change] = []
        for key in list(self._users.get(_peer(flow), ())):
            self._former[_peer(flow)] = key
            while len(self._former) > _MOST_FORMER:
                self._former.popitem(last=False)
            bindings = self._bindings[key]
            kept = {c: b for c, b in bindings.items() if b.flow != flow}
            if len(kept) < len(bindings):
                changes += [
                    Unregistered(*key, str(b.contact), "disconnected")
                    for c, b in bindings.items()
                    if c not in kept
                ]
                self._keep(key, kept)
        return changes

    def next_timeout(self) -> float | None:
        """When the next binding lapses; None while there is none."""
        while self._due:
            at, tenant_id, user = self._due[0]
            bindings = self._bindings.get((tenant_id, user), {})
            if any(binding.expires_at == at for binding in bindings.values()):
                return at
            heappop(self._due)  # refreshed or gone meanwhile
        return None

    def keep(self, *, now: float, utc: float) -> list[KeptBinding]:
        """Every binding over UDP, to be restored after a restart."""
        return [
            KeptBinding(*key, b.contact, b.flow, utc + b.expires_at - now, b.call_id, b.cseq)
            for key, bindings in self._bindings.items()
            for b in bindings.values()
            if not b.flow.reliable
        ]

    def restore(self, kept: Iterable[KeptBinding], *, now: float, utc: float) -> list[Change]:
        """Take back what has not lapsed meanwhile, for phones that have not registered anew."""
        changes: list[Change] = []
        for each in kept:
            key, left = (each.tenant_id, each.user), min(each.expires - utc, self._most)
            before = self._bindings.get(key, {})
            contact = _contact_key(each.contact)
            if left <= 0 or contact in before or len(before) >= self._most_contacts:
                continue
            binding = Binding(each.contact, each.flow, now + left, each.call_id, each.cseq)
            after = {**before, contact: binding}
            self._keep(key, after)
            changes += _differences(key, before, after, now)
        return changes

    def bindings(self, tenant_id: TenantId, user: str) -> tuple[Binding, ...]:
        return tuple(self._bindings.get((tenant_id, user), {}).values())

    def user_of_flow(self, flow: Flow) -> _Key | None:
        """Whose phone speaks over this flow."""
        return next(iter(self._users.get(_peer(flow), ())), None)

    def newer_flow(self, flow: Flow, contact: SipUri) -> Flow | None:
        """How the phone that spoke over a lost connection is reached now (RFC 5626 section 5.3).

        Only the same contact of the same user counts: nobody inherits somebody else's calls.
        """
        key = self._former.get(_peer(flow))
        binding = self._bindings.get(key, {}).get(_contact_key(contact)) if key else None
        return binding.flow if binding is not None else None

    def _keep(self, key: _Key, bindings: dict[str, Binding]) -> None:
        before = self._bindings.get(key, {})
        for binding in before.values():
            users = self._users.get(_peer(binding.flow), {})
            users.pop(key, None)
            if not users:
                self._users.pop(_peer(binding.flow), None)
        for contact, binding in bindings.items():
            self._users.setdefault(_peer(binding.flow), {})[key] = None
            if before.get(contact) is not binding:
                heappush(self._due, (binding.expires_at, *key))
        if bindings:
            self._bindings[key] = bindings
        else:
            self._bindings.pop(key, None)

    def _updated(
        self, request: Request, flow: Flow, before: dict[str, Binding], now: float
    ) -> dict[str, Binding]:
        contacts = request.headers.get_list("contact")
        default = _expires(request.headers.get("expires"), self._most)
        self._check_order(request, before)
        if contacts == ["*"]:
            if "expires" not in request.headers or default != 0:
                raise _Refused(400)
            return {}
        if len(contacts) > _MOST_IN_A_REQUEST:
            raise _Refused(403)
        after = dict(before)
        for text in contacts:
            address = _address(text)
            seconds = _expires(address.parameter("expires"), default)
            key = _contact_key(address.uri)
            if seconds == 0:
                after.pop(key, None)
                continue
            if seconds < self._least:
                raise _Refused(423, ("Min-Expires", str(self._least)))
            expires_at = now + min(seconds, self._most)
            # The same phone under a new port: its old binding leads nowhere.
            stale = [c for c, b in after.items() if c != key and _peer(b.flow) == _peer(flow)]
            for contact in stale:
                del after[contact]
            number = request.cseq.number
            after[key] = Binding(address.uri, flow, expires_at, request.call_id, number)
        if len(after) > self._most_contacts:
            raise _Refused(403)
        return after

    def _check_order(self, request: Request, before: dict[str, Binding]) -> None:
        """A REGISTER that was overtaken by a later one of the same phone must not win."""
        for binding in before.values():
            if binding.call_id == request.call_id and request.cseq.number <= binding.cseq:
                raise _Refused(500)


def _contact_key(contact: SipUri) -> str:
    return str(contact.without_parameters())


def _address(text: str) -> NameAddress:
    try:
        address = NameAddress.parse(text)
    except BadUri:
        raise _Refused(400) from None
    if address.uri.scheme not in ("sip", "sips"):
        raise _Refused(400)
    return address


def _expires(text: str | None, default: int) -> int:
    """An unreadable value counts as the default (RFC 3261 section 20.19)."""
    if text is None:
        return default
    try:
        return parse_number(text, most=2**32 - 1)
    except ValueError:
        return default


def _peer(flow: Flow) -> _Peer:
    return flow.transport, flow.remote, flow.connection


def _differences(
    key: _Key, before: dict[str, Binding], after: dict[str, Binding], now: float
) -> list[Change]:
    """Refreshing a registration is no news."""
    changes: list[Change] = [
        Unregistered(*key, str(b.contact), "removed" if not after else "replaced")
        for contact, b in before.items()
        if contact not in after
    ]
    changes += [
        Registered(*key, str(b.contact), round(b.expires_at - now))
        for contact, b in after.items()
        if contact not in before
    ]
    return changes
