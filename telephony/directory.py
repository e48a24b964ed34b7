"""Who and what can be reached: frozen snapshots of the configuration, replaced as a whole."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_address
from uuid import UUID

from config.tenancy import TenantId
from routing.calendars import Calendar
from routing.events import AgentId
from routing.ivr.document import Flow, name_key
from telephony.numbers import number_key
from telephony.sip.uri import SipUri


@dataclass(frozen=True, slots=True)
class TenantSettings:
    tenant_id: TenantId
    sip_domain: str | None
    """Host part of the tenant's addresses; a name nobody has belongs to the default tenant."""
    is_default: bool


@dataclass(frozen=True, slots=True)
class PhoneUser:
    tenant_id: TenantId
    user: str
    ha1: Mapping[str, str] = field(repr=False)
    """Digest hash by algorithm, instead of the password."""
    agent_id: AgentId | None
    display: str


@dataclass(frozen=True, slots=True)
class Trunk:
    id: UUID
    tenant_id: TenantId
    name: str
    networks: tuple[IPv4Network | IPv6Network, ...]
    """Where its calls come from."""
    target: SipUri | None
    """Where calls to the outside go; None for a trunk that only brings calls."""
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    register: bool = False
    """Whether we register with it, so that it knows where to bring its calls."""


@dataclass(frozen=True, slots=True)
class Number:
    tenant_id: TenantId
    number: str
    flow_id: UUID


@dataclass(frozen=True, slots=True)
class FlowVersion:
    tenant_id: TenantId
    flow_id: UUID
    name: str
    version: int
    flow: Flow


@dataclass(frozen=True, slots=True)
class NamedCalendar:
    """Opening hours that every flow of the tenant may name."""

    tenant_id: TenantId
    name: str
    calendar: Calendar


@dataclass(frozen=True, slots=True)
class Sound:
    """An announcement or music of the tenant."""

    tenant_id: TenantId
    id: UUID
    name: str


class Directory:
    """Looks things up; every answer belongs to the tenant that was asked for."""

    def __init__(
        self,
        *,
        tenants: Iterable[TenantSettings] = (),
        phones: Iterable[PhoneUser] = (),
        trunks: Iterable[Trunk] = (),
        numbers: Iterable[Number] = (),
        flows: Iterable[FlowVersion] = (),
        calendars: Iterable[NamedCalendar] = (),
        sounds: Iterable[Sound] = (),
    ) -> None:
        tenants = tuple(tenants)
        self._domains = {t.sip_domain.lower(): t.tenant_id for t in tenants if t.sip_domain}
        self._default = next((t.tenant_id for t in tenants if t.is_default), None)
        self._phones = {(p.tenant_id, p.user): p for p in phones}
        self._agents = {
            (p.tenant_id, p.agent_id): p for p in self._phones.values() if p.agent_id is not None
        }
        self._trunks = tuple(trunks)
        self._numbers = {(n.tenant_id, number_key(n.number)): n for n in numbers}
        self._flows = {(f.tenant_id, f.flow_id): f for f in flows}
        self._calendars: dict[TenantId, dict[str, Calendar]] = {}
        for each in calendars:
            self._calendars.setdefault(each.tenant_id, {})[name_key(each.name)] = each.calendar
        self._sounds = {(s.tenant_id, name_key(s.name)): s for s in sounds}

    def tenant_of(self, domain: str) -> TenantId | None:
        return self._domains.get(domain.lower(), self._default)

    def find_phone(self, user: str, domain: str) -> PhoneUser | None:
        tenant_id = self.tenant_of(domain)
        return None if tenant_id is None else self.phone(tenant_id, user)

    def phone(self, tenant_id: TenantId, user: str) -> PhoneUser | None:
        return self._phones.get((tenant_id, user))

    def phones(self, tenant_id: TenantId) -> tuple[PhoneUser, ...]:
        return tuple(p for p in self._phones.values() if p.tenant_id == tenant_id)

    def all_phones(self) -> tuple[PhoneUser, ...]:
        return tuple(self._phones.values())

    def phone_of_agent(self, tenant_id: TenantId, agent_id: AgentId) -> PhoneUser | None:
        return self._agents.get((tenant_id, agent_id))

    def find_trunk(self, source: str) -> Trunk | None:
        """The trunk an address belongs to; the smallest network that holds it wins."""
        try:
            address = ip_address(source)
        except ValueError:
            return None
        matches = [
            (network.prefixlen, trunk)
            for trunk in self._trunks
            for network in trunk.networks
            if network.version == address.version and address in network
        ]
        return max(matches, key=lambda match: match[0])[1] if matches else None

    def outbound_trunks(self, tenant_id: TenantId) -> tuple[Trunk, ...]:
        """The trunks that take the tenant's calls to the outside, first choice first."""
        return tuple(t for t in self._trunks if t.tenant_id == tenant_id and t.target is not None)

    def all_trunks(self) -> tuple[Trunk, ...]:
        return self._trunks

    def find_number(self, tenant_id: TenantId, number: str) -> Number | None:
        return self._numbers.get((tenant_id, number_key(number)))

    def flow_of_number(self, tenant_id: TenantId, number: str) -> FlowVersion | None:
        found = self.find_number(tenant_id, number)
        return None if found is None else self.find_flow(tenant_id, found.flow_id)

    def find_flow(self, tenant_id: TenantId, flow_id: UUID) -> FlowVersion | None:
        return self._flows.get((tenant_id, flow_id))

    def calendars(self, tenant_id: TenantId) -> Mapping[str, Calendar]:
        """The tenant's opening hours by `name_key`."""
        return self._calendars.get(tenant_id, {})

    def find_sound(self, tenant_id: TenantId, name: str) -> Sound | None:
        return self._sounds.get((tenant_id, name_key(name)))
