"""Who can call and be called: frozen snapshots of every tenant's phones, trunks, numbers and flows.

The server replaces a directory as a whole when an administrator changes something; calls that are
under way keep what they found.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_address
from uuid import UUID

from config.tenancy import TenantId
from routing.events import AgentId
from routing.ivr.document import Flow
from telephony.sip.uri import SipUri

_SEPARATORS = str.maketrans("", "", "-. ()/")


@dataclass(frozen=True, slots=True)
class TenantSettings:
    tenant_id: TenantId
    sip_domain: str | None
    """The domain of the tenant's phones, as they write it in From and To."""
    is_default: bool
    """Phones that name no tenant's domain, as an address of ours, belong to this one."""


@dataclass(frozen=True, slots=True)
class PhoneUser:
    tenant_id: TenantId
    user: str
    ha1: Mapping[str, str] = field(repr=False)
    """Digest algorithm -> H(user:realm:password)."""
    agent_id: AgentId | None
    display: str


@dataclass(frozen=True, slots=True)
class Trunk:
    id: UUID
    tenant_id: TenantId
    name: str
    networks: tuple[IPv4Network | IPv6Network, ...]
    """Whoever sends from here is the trunk."""
    target: SipUri | None
    """Where outgoing calls are sent; None for a trunk that only brings calls."""
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    enabled: bool = True


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


class Directory:
    def __init__(
        self,
        tenants: Iterable[TenantSettings] = (),
        phones: Iterable[PhoneUser] = (),
        trunks: Iterable[Trunk] = (),
        numbers: Iterable[Number] = (),
        flows: Iterable[FlowVersion] = (),
    ) -> None:
        settings = tuple(tenants)
        self._settings = {each.tenant_id: each for each in settings}
        self._domains = {t.sip_domain.lower(): t.tenant_id for t in settings if t.sip_domain}
        self._default = next((t.tenant_id for t in settings if t.is_default), None)
        self._phones = {(p.tenant_id, p.user): p for p in phones}
        self._of_agent = {
            (p.tenant_id, p.agent_id): p for p in self._phones.values() if p.agent_id is not None
        }
        self._trunks = tuple(
            sorted((t for t in trunks if t.enabled), key=lambda t: (t.tenant_id, t.name))
        )
        # The narrowest network knows best who is meant.
        self._networks = sorted(
            ((network, trunk) for trunk in self._trunks for network in trunk.networks),
            key=lambda pair: -pair[0].prefixlen,
        )
        self._numbers = {(n.tenant_id, n.number): n for n in numbers}
        self._flows = {(f.tenant_id, f.flow_id): f for f in flows}

    @property
    def phones(self) -> Iterable[PhoneUser]:
        return self._phones.values()

    def domain(self, tenant_id: TenantId) -> str | None:
        """How the tenant's phones name us."""
        settings = self._settings.get(tenant_id)
        return settings.sip_domain if settings else None

    def find_phone(self, user: str, domain: str) -> PhoneUser | None:
        """The phone that calls itself so; a domain of nobody's is the default tenant's."""
        tenant_id = self._domains.get(domain.lower(), self._default)
        return None if tenant_id is None else self._phones.get((tenant_id, user))

    def phone(self, tenant_id: TenantId, user: str) -> PhoneUser | None:
        return self._phones.get((tenant_id, user))

    def phone_of_agent(self, tenant_id: TenantId, agent_id: AgentId) -> PhoneUser | None:
        return self._of_agent.get((tenant_id, agent_id))

    def find_trunk(self, source: str) -> Trunk | None:
        """The trunk that sends from the address `source`."""
        if not self._networks:
            return None
        try:
            address = ip_address(source)
        except ValueError:
            return None
        mapped = getattr(address, "ipv4_mapped", None)
        address = mapped or address
        return next((trunk for network, trunk in self._networks if address in network), None)

    def outbound_trunk(self, tenant_id: TenantId, number: str) -> Trunk | None:
        """The trunk that takes calls to `number`: the first by name that takes any."""
        del number  # rules by number come with the outbound routes
        return next(
            (t for t in self._trunks if t.tenant_id == tenant_id and t.target is not None), None
        )

    def find_number(self, tenant_id: TenantId, number: str) -> Number | None:
        """A number of ours, however the caller's side has written it."""
        for spelling in _spellings(number):
            found = self._numbers.get((tenant_id, spelling))
            if found is not None:
                return found
        return None

    def find_flow(self, tenant_id: TenantId, flow_id: UUID) -> FlowVersion | None:
        return self._flows.get((tenant_id, flow_id))


def _spellings(number: str) -> tuple[str, ...]:
    """The ways one number is written: `+49…`, `0049…` and `49…` are the same."""
    plain = number.partition(";")[0].translate(_SEPARATORS)
    if plain.startswith("+"):
        return plain, plain[1:], "00" + plain[1:]
    if plain.startswith("00"):
        return plain, "+" + plain[2:], plain[2:]
    return plain, "+" + plain
