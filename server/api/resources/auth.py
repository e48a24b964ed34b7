"""Signing in, staying signed in, signing out."""

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from uuid import UUID, uuid4

from pydantic import Field

from casecore.db.connection import Connection
from casecore.db.database import Database
from casecore.errors import NotFound as RecordNotFound
from casecore.permissions import Role
from casecore.store import refresh_tokens, tenants, users
from casecore.store.refresh_tokens import TokenUse
from config.tenancy import TenantId
from routing.events import AgentId
from server.api.errors import TooManyRequests, Unauthenticated
from server.api.models import ApiModel, OutModel, Text
from server.api.operation import Operation
from server.auth.accounts import Accounts
from server.auth.guard import LoginGuard
from server.auth.passwords import Passwords
from server.auth.principal import Principal
from server.auth.tokens import AccessTokens, new_refresh_token, refresh_token_hash

log = logging.getLogger(__name__)

_WRONG = "Login or password is wrong."
_EXPIRED = "The session has ended: sign in again."


class LoginIn(ApiModel):
    login: Text = Field(min_length=1, max_length=80, examples=["agent1"])
    password: str = Field(min_length=1, max_length=256)
    tenant: Text | None = Field(default=None, max_length=80)
    """Short name of the organisation; the default one when absent."""


class RefreshIn(ApiModel):
    refresh_token: str = Field(min_length=10, max_length=200)


class UserOut(OutModel):
    id: UUID
    login: str
    display: str
    role: Role
    agent_id: UUID | None


class SessionOut(OutModel):
    access_token: str
    token_type: Literal["Bearer"] = "Bearer"
    expires_in: int
    """Seconds."""
    refresh_token: str
    """Good for one exchange; each exchange gives a new one."""
    user: UserOut


class Auth:
    def __init__(
        self,
        database: Database,
        tokens: AccessTokens,
        accounts: Accounts,
        passwords: Passwords,
        guard: LoginGuard,
        *,
        refresh_lifetime: timedelta,
    ) -> None:
        self._database = database
        self._tokens = tokens
        self._accounts = accounts
        self._passwords = passwords
        self._guard = guard
        self._refresh_lifetime = refresh_lifetime

    def operations(self) -> list[Operation]:
        public: dict[str, Any] = {"method": "POST", "tag": "auth", "public": True}
        return [
            Operation(
                path="/auth/login", handler=self.login, wants_source=True, body=LoginIn,
                returns=SessionOut, errors=(Unauthenticated, TooManyRequests),
                summary="Sign in with login and password.", **public,
            ),
            Operation(
                path="/auth/refresh", handler=self.refresh, body=RefreshIn, returns=SessionOut,
                errors=(Unauthenticated,), summary="Exchange a refresh token for a new session.",
                **public,
            ),
            Operation(
                path="/auth/logout", handler=self.logout, body=RefreshIn,
                errors=(Unauthenticated,), summary="End the session a refresh token belongs to.",
                **public,
            ),
            Operation(
                method="GET", path="/auth/me", handler=self.me, tag="auth", returns=UserOut,
                summary="Who is signed in.",
            ),
        ]  # fmt: skip

    async def login(self, body: LoginIn, source: str) -> SessionOut:
        self._refuse_if_slowed(source)
        tenant_id = await self._tenant(body.tenant)
        user = None
        if tenant_id is not None:
            async with self._database.tenant_tx(tenant_id) as db:
                user = await users.find_user_by_login(db, tenant_id, body.login)
        usable = user if user is not None and not user.disabled else None
        stored = usable.password_hash if usable is not None else None
        matches = await self._passwords.verify(stored, body.password)
        # Again: of many attempts at once, all have passed the first check before one has failed.
        self._refuse_if_slowed(source)
        if not matches or usable is None or tenant_id is None:
            self._guard.failed(source, now=_monotonic())
            log.warning("sign-in refused", extra={"source": source, "pii_login": body.login})
            raise Unauthenticated(_WRONG)
        self._guard.succeeded(source)
        async with self._database.tenant_tx(tenant_id) as db:
            session = await self._session(db, tenant_id, usable, uuid4())
        await self._know(tenant_id, usable)
        return session

    async def refresh(self, body: RefreshIn) -> SessionOut:
        session = await self._exchange(_tenant_of(body.refresh_token), body.refresh_token)
        if session is None:
            raise Unauthenticated(_EXPIRED)
        return session

    async def logout(self, body: RefreshIn) -> None:
        tenant_id = _tenant_of(body.refresh_token)
        now = datetime.now(UTC)
        async with self._database.tenant_tx(tenant_id) as db:
            digest = refresh_token_hash(body.refresh_token)
            used = await refresh_tokens.use_refresh_token(db, tenant_id, digest, now=now)
            if used.family_id is not None:
                await refresh_tokens.revoke_family(db, tenant_id, used.family_id, now=now)

    async def me(self, who: Principal) -> UserOut:
        async with self._database.tenant_tx(who.tenant_id) as db:
            try:
                user = await users.fetch_user(db, who.tenant_id, who.user_id)
            except RecordNotFound:
                raise Unauthenticated(_EXPIRED) from None
        return UserOut.model_validate(user)

    def _refuse_if_slowed(self, source: str) -> None:
        wait = self._guard.wait_for(source, now=_monotonic())
        if wait > 0:
            raise TooManyRequests("Too many wrong passwords: wait a little.", retry_after=wait)

    async def _exchange(self, tenant_id: TenantId, token: str) -> SessionOut | None:
        """The next session of the token's family; None when the token is not good for one.

        One transaction: a new token that came later than the use of the old one could escape the
        revocation of its family, and a failure between the two would sign the person out.
        """
        now = datetime.now(UTC)
        async with self._database.tenant_tx(tenant_id) as db:
            digest = refresh_token_hash(token)
            used = await refresh_tokens.use_refresh_token(db, tenant_id, digest, now=now)
            if used.use is TokenUse.REUSED:
                log.warning("a refresh token was used twice: its session is ended")
            if used.use is not TokenUse.ACCEPTED or not used.user_id or not used.family_id:
                return None
            user = await users.fetch_user(db, tenant_id, used.user_id)
            if user.disabled:
                return None
            session = await self._session(db, tenant_id, user, used.family_id)
        await self._know(tenant_id, user)
        return session

    async def _know(self, tenant_id: TenantId, user: users.User) -> None:
        """Have the new token admitted, also when the user was added only a moment ago."""
        if not self._accounts.admits(_principal(tenant_id, user)):
            await self._accounts.refresh(tenant_id)

    async def _tenant(self, slug: str | None) -> TenantId | None:
        async with self._database.system_tx() as db:
            try:
                if slug is None:
                    return (await tenants.fetch_default_tenant(db)).id
                return (await tenants.fetch_tenant_by_slug(db, slug)).id
            except RecordNotFound:
                return None

    async def _session(
        self, db: Connection, tenant_id: TenantId, user: users.User, family_id: UUID
    ) -> SessionOut:
        now = datetime.now(UTC)
        token = new_refresh_token(tenant_id)
        await refresh_tokens.insert_refresh_token(
            db,
            tenant_id,
            refresh_token_hash(token),
            family_id=family_id,
            user_id=user.id,
            issued_at=now,
            expires_at=now + self._refresh_lifetime,
        )
        return SessionOut(
            access_token=self._tokens.issue(_principal(tenant_id, user), now=now),
            expires_in=round(self._tokens.lifetime.total_seconds()),
            refresh_token=token,
            user=UserOut.model_validate(user),
        )


def _principal(tenant_id: TenantId, user: users.User) -> Principal:
    agent_id = AgentId(user.agent_id) if user.agent_id else None
    return Principal(user.id, tenant_id, user.login, user.role, agent_id)


def _monotonic() -> float:
    return asyncio.get_running_loop().time()


def _tenant_of(token: str) -> TenantId:
    """The tenant a refresh token names: without it nobody could look it up."""
    try:
        return TenantId(UUID(hex=token.partition(".")[0]))
    except ValueError:
        raise Unauthenticated(_EXPIRED) from None
