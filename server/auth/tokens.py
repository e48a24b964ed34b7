"""Access tokens (signed, short-lived) and refresh tokens (random, kept hashed in the database)."""

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import jwt

from casecore.permissions import Role
from config.tenancy import TenantId
from routing.events import AgentId
from server.auth.principal import Principal

_ALGORITHM = "HS256"
_ISSUER = "murima"


class InvalidToken(Exception):
    """The token is not ours, was changed, has expired, or its person may not come in any more."""


@dataclass(frozen=True, slots=True)
class AccessToken:
    principal: Principal
    expires_at: datetime


class AccessTokens:
    """Issues and reads JWT access tokens (RFC 7519, HS256)."""

    def __init__(
        self, key: bytes, *, lifetime: timedelta, admits: Callable[[Principal], bool]
    ) -> None:
        self._key = key
        self.lifetime = lifetime
        self.admits = admits
        """Whether the person is still who a token says; asked for each one that is read."""

    def issue(self, principal: Principal, *, now: datetime) -> str:
        claims = {
            "iss": _ISSUER,
            "sub": str(principal.user_id),
            "tid": str(principal.tenant_id),
            "login": principal.login,
            "role": principal.role.value,
            "agent": str(principal.agent_id) if principal.agent_id else None,
            "iat": now,
            "exp": now + self.lifetime,
        }
        return jwt.encode(claims, self._key, algorithm=_ALGORITHM)

    def read(self, token: str) -> AccessToken:
        """Raises InvalidToken."""
        try:
            claims = jwt.decode(
                token,
                self._key,
                algorithms=[_ALGORITHM],
                issuer=_ISSUER,
                options={"require": ["exp", "sub", "iss"]},
            )
            agent = claims["agent"]
            principal = Principal(
                user_id=UUID(claims["sub"]),
                tenant_id=TenantId(UUID(claims["tid"])),
                login=claims["login"],
                role=Role(claims["role"]),
                agent_id=AgentId(UUID(agent)) if agent else None,
            )
        except (jwt.InvalidTokenError, KeyError, ValueError) as error:
            raise InvalidToken(str(error)) from error
        if not self.admits(principal):
            raise InvalidToken("the person was disabled or changed")
        return AccessToken(principal, datetime.fromtimestamp(claims["exp"], UTC))


def new_refresh_token(tenant_id: TenantId) -> str:
    """Random, behind the id of its tenant: rows of other tenants cannot even be looked at."""
    return f"{tenant_id.hex}.{secrets.token_urlsafe(32)}"


def refresh_token_hash(token: str) -> bytes:
    """What is stored: a random 256-bit token needs no salt and no slow hash."""
    return hashlib.sha256(token.encode()).digest()
