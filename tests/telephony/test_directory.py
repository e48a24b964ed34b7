"""What the directory finds, and for whom."""

from uuid import UUID

import pytest

from config.tenancy import TenantId
from routing.events import AgentId
from telephony.directory import Directory, Number, TenantSettings
from tests.support.registrations import OTHER_TENANT, TENANT, phone, trunk

TENANTS = (
    TenantSettings(TENANT, None, is_default=True),
    TenantSettings(OTHER_TENANT, "Other.Example", is_default=False),
)


@pytest.mark.parametrize(
    ("domain", "tenant"),
    [
        ("other.example", OTHER_TENANT),
        ("OTHER.example", OTHER_TENANT),
        ("192.0.2.1", TENANT),
        ("", TENANT),
    ],
)
def test_tenant_of_a_domain(domain: str, tenant: TenantId) -> None:
    assert Directory(tenants=TENANTS).tenant_of(domain) == tenant


def test_without_a_default_an_unknown_domain_is_nobodys() -> None:
    directory = Directory(tenants=TENANTS[1:], phones=[phone("101", tenant_id=OTHER_TENANT)])
    assert directory.tenant_of("192.0.2.1") is None
    assert directory.find_phone("101", "192.0.2.1") is None
    assert directory.find_phone("101", "other.example") is not None


def test_the_same_extension_in_two_tenants() -> None:
    ours, theirs = phone("101"), phone("101", tenant_id=OTHER_TENANT)
    directory = Directory(tenants=TENANTS, phones=[ours, theirs])
    assert directory.find_phone("101", "other.example") is theirs
    assert directory.find_phone("101", "elsewhere") is ours
    assert directory.phones(TENANT) == (ours,)
    assert directory.all_phones() == (ours, theirs)


def test_the_phone_of_an_agent_is_the_tenants_own() -> None:
    agent = AgentId(UUID(int=7))
    directory = Directory(phones=[phone("101", agent_id=agent), phone("102")])
    found = directory.phone_of_agent(TENANT, agent)
    assert found is not None
    assert found.user == "101"
    assert directory.phone_of_agent(OTHER_TENANT, agent) is None


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("10.1.2.3", "host"),
        ("10.1.2.4", "office"),
        ("10.9.9.9", "wide"),
        ("2001:db8::1", "six"),
        ("192.0.2.1", None),
        ("::ffff:10.1.2.3", None),
        ("no address", None),
    ],
)
def test_the_smallest_network_wins(source: str, name: str | None) -> None:
    directory = Directory(
        trunks=[
            trunk("wide", "10.0.0.0/8"),
            trunk("host", "10.1.2.3/32"),
            trunk("office", "10.1.2.0/24"),
            trunk("six", "2001:db8::/32"),
        ]
    )
    found = directory.find_trunk(source)
    assert (found.name if found else None) == name


def test_only_a_trunk_with_a_target_carries_calls_out() -> None:
    directory = Directory(
        trunks=[
            trunk("in", "10.0.0.0/8"),
            trunk("theirs", "10.0.0.0/8", tenant_id=OTHER_TENANT, target="sip:a.example"),
            trunk("out", "10.0.0.0/8", target="sip:b.example"),
        ]
    )
    assert [found.name for found in directory.outbound_trunks(TENANT)] == ["out"]


def test_a_number_belongs_to_one_tenant() -> None:
    number = Number(TENANT, "5000", UUID(int=5))
    directory = Directory(numbers=[number])
    assert directory.find_number(TENANT, "5000") is number
    assert directory.find_number(OTHER_TENANT, "5000") is None
    assert directory.find_flow(TENANT, UUID(int=5)) is None
