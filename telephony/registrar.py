"""Which phones are registered, and over which flow each is reached (RFC 3261 section 10).

Sans-IO: the owner passes the clock in, sends the response and keeps the one timer. A binding is
reached over the flow its REGISTER came by; the host in its Contact is never trusted.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import ceil
from typing import TypeAlias

from config.settings import SipSettings
from config.tenancy import TenantId
from telephony.directory import PhoneUser
from telephony.sip.headers import parse_number
from telephony.sip.message import Request, Response, make_response
from telephony.sip.uri import BadUri, NameAddress, SipUri
from telephony.transport.flow import Flow

_DEFAULT_EXPIRES = 3_600
_MOST_EXPIRES = 2**32 - 1

PhoneKey: TypeAlias = tuple[TenantId, str]


@dataclass(frozen=True, slots=True)
class Binding:
    """One place where a phone user can be rung."""

    contact: SipUri
    instance: str | None
    """What the device calls itself through restarts (`+sip.instance`)."""
    flow: Flow
    call_id: str
    cseq: int
    expires_at: float


@dataclass(frozen=True, slots=True)
class Registered:
    key: PhoneKey
    contact: str
    expires_seconds: int


@dataclass(frozen=True, slots=True)
class Unregistered:
    key: PhoneKey
    contact: str
    reason: str
    """`removed`, `expired` or `replaced`."""


Change: TypeAlias = Registered | Unregistered


@dataclass(frozen=True, slots=True)
class _Wish:
    """One Contact of a REGISTER."""

    contact: SipUri
    instance: str | None
    expires: int


class _Refused(Exception):
    def __init__(
        self, status: int, reason: str | None = None, headers: tuple[tuple[str, str], ...] = ()
    ) -> None:
        super().__init__(status)
        self.status, self.reason, self.headers = status, reason, headers


class Registrar:
    def __init__(self, settings: SipSettings) -> None:
        self._min = settings.registration_min_seconds
        self._max = settings.registration_max_seconds
        self._most_contacts = settings.max_contacts
        self._bindings: dict[PhoneKey, tuple[Binding, ...]] = {}
        self._flows: dict[Flow, set[PhoneKey]] = {}

    def __len__(self) -> int:
        return sum(len(bindings) for bindings in self._bindings.values())

    def receive_register(
        self, request: Request, flow: Flow, phone: PhoneUser, *, now: float, to_tag: str
    ) -> tuple[Response, list[Change]]:
        """The answer to a REGISTER of `phone`, who has proved to be it, and what it changed."""
        key = (phone.tenant_id, phone.user)
        changes = self._expire(key, now)
        try:
            if request.to.uri.user != phone.user:
                raise _Refused(403)  # nobody registers for somebody else
            changes += self._update(key, request, flow, now)
        except _Refused as refusal:
            response = make_response(
                request, refusal.status, refusal.reason, to_tag=to_tag, headers=refusal.headers
            )
            return response, changes
        contacts = [
            ("Contact", f"<{binding.contact}>;expires={ceil(binding.expires_at - now)}")
            for binding in self._bindings.get(key, ())
        ]
        return make_response(request, 200, to_tag=to_tag, headers=contacts), changes

    def bindings(self, key: PhoneKey, *, now: float) -> tuple[Binding, ...]:
        """Where the phone can be rung now, the latest registration first."""
        current = [b for b in self._bindings.get(key, ()) if b.expires_at > now]
        return tuple(sorted(current, key=lambda b: -b.expires_at))

    def is_known_flow(self, flow: Flow) -> bool:
        """A phone is registered over this flow."""
        return flow in self._flows

    def receive_flow_closed(self, flow: Flow) -> list[Change]:
        """A connection is gone, and with it the only way to the phones behind it."""
        changes: list[Change] = []
        for key in tuple(self._flows.get(flow, ())):
            changes += self._keep(key, lambda b: b.flow != flow, "expired")
        return changes

    def retain(self, keys: Iterable[PhoneKey]) -> list[Change]:
        """Forget phones that are no longer configured."""
        changes: list[Change] = []
        for key in self._bindings.keys() - set(keys):
            changes += self._keep(key, lambda _: False, "removed")
        return changes

    def next_timeout(self) -> float | None:
        return min((b.expires_at for all_ in self._bindings.values() for b in all_), default=None)

    def handle_timeout(self, *, now: float) -> list[Change]:
        return [change for key in tuple(self._bindings) for change in self._expire(key, now)]

    # inside

    def _update(self, key: PhoneKey, request: Request, flow: Flow, now: float) -> list[Change]:
        """All of it or nothing: a refusal leaves the bindings as they were."""
        contacts = request.headers.get_list("Contact")
        if "*" in contacts:
            return self._remove_all(key, request, contacts)
        wishes = [self._wish(text, request) for text in contacts]
        old = self._bindings.get(key, ())
        new, replaced = old, []
        for wish in wishes:
            new, removed = self._apply(wish, new, request, flow, now)
            replaced += removed
        if len(new) > self._most_contacts:
            raise _Refused(403, "Too Many Contacts")
        self._store(key, new)
        changes: list[Change] = [Unregistered(key, str(b.contact), why) for b, why in replaced]
        known = {b.contact for b in old}
        changes += [
            Registered(key, str(b.contact), ceil(b.expires_at - now))
            for b in new
            if b.contact not in known
        ]
        return changes

    def _remove_all(self, key: PhoneKey, request: Request, contacts: list[str]) -> list[Change]:
        if contacts != ["*"] or _expires(request.headers.get("Expires")) != 0:
            raise _Refused(400, "Bad Contact")
        for binding in self._bindings.get(key, ()):
            _check_order(binding, request)
        return self._keep(key, lambda _: False, "removed")

    def _wish(self, text: str, request: Request) -> _Wish:
        try:
            address = NameAddress.parse(text)
        except BadUri:
            raise _Refused(400, "Bad Contact") from None
        if address.uri.scheme not in ("sip", "sips"):
            raise _Refused(400, "Bad Contact")
        wanted = address.parameter("expires") or request.headers.get("Expires")
        expires = _expires(wanted)
        if 0 < expires < self._min:
            raise _Refused(423, None, (("Min-Expires", str(self._min)),))
        return _Wish(address.uri, address.parameter("+sip.instance"), min(expires, self._max))

    def _apply(
        self,
        wish: _Wish,
        bindings: tuple[Binding, ...],
        request: Request,
        flow: Flow,
        now: float,
    ) -> tuple[tuple[Binding, ...], list[tuple[Binding, str]]]:
        """The bindings after one Contact, and those it took the place of."""
        kept: list[Binding] = []
        gone: list[tuple[Binding, str]] = []
        for binding in bindings:
            if binding.contact.equal_to(wish.contact):
                _check_order(binding, request)
                if not wish.expires:
                    gone.append((binding, "removed"))
                elif str(binding.contact) != str(wish.contact):
                    gone.append((binding, "replaced"))
            elif wish.expires and _is_same_device(binding, wish, request, flow):
                gone.append((binding, "replaced"))
            else:
                kept.append(binding)
        if wish.expires:
            fresh = Binding(
                wish.contact,
                wish.instance,
                flow,
                request.call_id,
                request.cseq.number,
                now + wish.expires,
            )
            kept.append(fresh)
        return tuple(kept), gone

    def _expire(self, key: PhoneKey, now: float) -> list[Change]:
        return self._keep(key, lambda b: b.expires_at > now, "expired")

    def _keep(self, key: PhoneKey, keep: Callable[[Binding], bool], reason: str) -> list[Change]:
        bindings = self._bindings.get(key, ())
        gone = [b for b in bindings if not keep(b)]
        if not gone:
            return []
        self._store(key, tuple(b for b in bindings if keep(b)))
        return [Unregistered(key, str(b.contact), reason) for b in gone]

    def _store(self, key: PhoneKey, bindings: tuple[Binding, ...]) -> None:
        for binding in self._bindings.pop(key, ()):
            phones = self._flows.get(binding.flow, set())
            phones.discard(key)
            if not phones:
                self._flows.pop(binding.flow, None)
        if bindings:
            self._bindings[key] = bindings
        for binding in bindings:
            self._flows.setdefault(binding.flow, set()).add(key)


def _is_same_device(binding: Binding, wish: _Wish, request: Request, flow: Flow) -> bool:
    """A phone that was restarted, or has a new address: its old binding would ring in vain."""
    if wish.instance is not None and binding.instance is not None:
        return wish.instance == binding.instance
    return binding.flow == flow and binding.call_id != request.call_id


def _check_order(binding: Binding, request: Request) -> None:
    """RFC 3261 10.3 step 7: a REGISTER that was overtaken must not undo the later one."""
    if binding.call_id == request.call_id and request.cseq.number <= binding.cseq:
        raise _Refused(500, "CSeq Out of Order")


def _expires(text: str | None) -> int:
    """Seconds; what is missing or no number counts as an hour (RFC 3261 20.19)."""
    try:
        return parse_number((text or "").strip(), most=_MOST_EXPIRES)
    except ValueError:
        return _DEFAULT_EXPIRES
