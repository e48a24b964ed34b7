"""How it stands with a trunk, and the fact that this has changed."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from config.tenancy import TenantId


class TrunkState(StrEnum):
    UP = "up"
    DOWN = "down"
    UNKNOWN = "unknown"
    """Not asked yet, or a trunk that only brings calls."""
    OFF = "off"


class RegistrationState(StrEnum):
    OFF = "off"
    TRYING = "trying"
    REGISTERED = "registered"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class TrunkStatus:
    state: TrunkState
    since: datetime | None = None
    """When it came to be so; None before the trunk was looked at."""
    detail: str = ""
    """Why it is down, in one line; empty when all is well."""
    registration: RegistrationState = RegistrationState.OFF
    registered_until: datetime | None = None


OFF = TrunkStatus(TrunkState.OFF)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrunkStateChanged:
    """A trunk is up or down from now on, or our registration with it came or went."""

    tenant_id: TenantId
    at: datetime
    trunk_id: UUID
    name: str
    state: TrunkState
    previous: TrunkState
    registration: RegistrationState
    detail: str
    """Why it is down; empty when all is well."""
