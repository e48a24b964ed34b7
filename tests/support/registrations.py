"""REGISTER and other first requests of phones, as parsed messages."""

from ipaddress import ip_network
from uuid import UUID

from config.tenancy import TenantId
from routing.events import AgentId
from telephony.directory import PhoneUser, Trunk
from telephony.sip.digest import ALGORITHMS, ha1
from telephony.sip.message import Request
from telephony.sip.parser import parse_message
from telephony.sip.uri import SipUri
from telephony.transport.flow import Flow

TENANT = TenantId(UUID(int=1))
OTHER_TENANT = TenantId(UUID(int=2))
REALM = "murima"
PASSWORD = "correct horse"


def flow_of(host: str, port: int = 5060, *, connection: int = 0) -> Flow:
    transport = "tcp" if connection else "udp"
    return Flow(transport, (host, port), ("192.0.2.1", 5060), connection)


def request(
    method: str,
    uri: str,
    *,
    user: str = "101",
    domain: str = "pbx.example",
    to: str | None = None,
    cseq: int = 1,
    call_id: str = "one",
    headers: tuple[tuple[str, str], ...] = (),
) -> Request:
    fields = [
        ("Via", f"SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bK{call_id}{cseq}"),
        ("From", f"<sip:{user}@{domain}>;tag=f"),
        ("To", f"<sip:{to or user}@{domain}>"),
        ("Call-ID", call_id),
        ("CSeq", f"{cseq} {method}"),
        ("Max-Forwards", "70"),
        *headers,
        ("Content-Length", "0"),
    ]
    lines = [f"{method} {uri} SIP/2.0", *(f"{name}: {value}" for name, value in fields)]
    message = parse_message("\r\n".join([*lines, "", ""]).encode())
    assert isinstance(message, Request)
    return message


def register(
    *contacts: str, cseq: int = 1, call_id: str = "one", expires: str | None = None
) -> Request:
    headers = tuple(("Contact", contact) for contact in contacts)
    if expires is not None:
        headers += (("Expires", expires),)
    return request("REGISTER", "sip:pbx.example", cseq=cseq, call_id=call_id, headers=headers)


def phone(
    user: str,
    *,
    tenant_id: TenantId = TENANT,
    agent_id: AgentId | None = None,
    password: str = PASSWORD,
) -> PhoneUser:
    hashes = {a: ha1(user, REALM, password, a) for a in ALGORITHMS}
    return PhoneUser(tenant_id, user, hashes, agent_id, f"Phone {user}")


def trunk(
    name: str,
    *networks: str,
    tenant_id: TenantId = TENANT,
    target: str | None = None,
    number: int = 0,
) -> Trunk:
    return Trunk(
        UUID(int=1_000 + number),
        tenant_id,
        name,
        tuple(ip_network(network) for network in networks),
        SipUri.parse(target) if target else None,
    )
