"""The one identity that every package shares."""

from typing import NewType
from uuid import UUID

TenantId = NewType("TenantId", UUID)
