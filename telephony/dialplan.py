"""What a dialled number leads to, and for whom: the one place that decides who may call what.

Sans-IO. A trunk reaches the tenant's own numbers and nothing else, so that nobody outside can make
us pay for a call; only phones that proved who they are reach features and trunks.
"""

import re
from dataclasses import dataclass
from typing import TypeAlias

from config.tenancy import TenantId
from telephony.directory import Directory, FlowVersion, PhoneUser, Trunk

FEATURE_AVAILABILITY = "*45"
_FEATURES = frozenset({FEATURE_AVAILABILITY})
_OUTSIDE = re.compile(r"\+?[0-9][0-9*#]{1,31}", re.ASCII)


@dataclass(frozen=True, slots=True)
class ToFlow:
    version: FlowVersion


@dataclass(frozen=True, slots=True)
class ToPhone:
    phone: PhoneUser


@dataclass(frozen=True, slots=True)
class ToTrunk:
    trunk: Trunk
    number: str


@dataclass(frozen=True, slots=True)
class ToFeature:
    code: str


Route: TypeAlias = ToFlow | ToPhone | ToTrunk | ToFeature


def route_from_trunk(directory: Directory, tenant_id: TenantId, dialled: str) -> ToFlow | None:
    number = directory.find_number(tenant_id, dialled)
    version = directory.find_flow(tenant_id, number.flow_id) if number is not None else None
    return ToFlow(version) if version is not None else None


def route_from_phone(directory: Directory, tenant_id: TenantId, dialled: str) -> Route | None:
    if dialled in _FEATURES:
        return ToFeature(dialled)
    return route_from_trunk(directory, tenant_id, dialled) or route_to_person(
        directory, tenant_id, dialled
    )


def route_to_person(
    directory: Directory, tenant_id: TenantId, dialled: str
) -> ToPhone | ToTrunk | None:
    """A phone of the tenant, else somebody outside."""
    phone = directory.phone(tenant_id, dialled)
    if phone is not None:
        return ToPhone(phone)
    trunk = directory.outbound_trunk(tenant_id, dialled)
    if trunk is not None and _OUTSIDE.fullmatch(dialled):
        return ToTrunk(trunk, dialled)
    return None
