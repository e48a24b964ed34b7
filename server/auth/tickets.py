"""Tickets with which a browser's softphone signs in: short-lived, and good for one phone only."""

from datetime import datetime, timedelta
from uuid import UUID

import jwt

from config.tenancy import TenantId

_ALGORITHM = "HS256"
_ISSUER = "murima-softphone"
"""Another one than the access tokens' have, signed with the same key: neither passes for the
other."""


class Tickets:
    def __init__(self, key: bytes, *, lifetime: timedelta) -> None:
        self._key = key
        self._lifetime = lifetime

    def issue(self, tenant_id: TenantId, phone: str, *, now: datetime) -> tuple[str, datetime]:
        """A ticket for that phone, and when it expires."""
        expires = now + self._lifetime
        claims = {"iss": _ISSUER, "tid": str(tenant_id), "phone": phone, "exp": expires}
        return jwt.encode(claims, self._key, algorithm=_ALGORITHM), expires

    def phone_of(self, ticket: str) -> tuple[TenantId, str] | None:
        """Tenant and user of the phone; None where the ticket is not ours or has expired."""
        try:
            claims = jwt.decode(
                ticket,
                self._key,
                algorithms=[_ALGORITHM],
                issuer=_ISSUER,
                options={"require": ["exp", "iss"]},
            )
            return TenantId(UUID(claims["tid"])), str(claims["phone"])
        except (jwt.InvalidTokenError, KeyError, ValueError):
            return None
