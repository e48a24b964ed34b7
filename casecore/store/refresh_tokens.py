"""Refresh tokens: kept hashed, used once, in families that are revoked as a whole.

The tenant has to be known before a token can be looked up, so the token that a client holds
must say which tenant it belongs to.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from casecore.db.connection import Connection
from casecore.store.rows import refusals
from config.tenancy import TenantId

_INSERT = """
    insert into refresh_tokens (tenant_id, token_hash, family_id, user_id, issued_at, expires_at)
    values ($1, $2, $3, $4, $5, $6)
"""
_USE = """
    update refresh_tokens
       set used_at = $3
     where tenant_id = $1
       and token_hash = $2
       and used_at is null
       and revoked_at is null
       and expires_at > $3
 returning user_id, family_id
"""
_FIND = """
    select family_id, user_id, used_at, revoked_at
      from refresh_tokens
     where tenant_id = $1
       and token_hash = $2
"""
_REVOKE_FAMILY = """
    update refresh_tokens
       set revoked_at = $3
     where tenant_id = $1
       and family_id = $2
       and revoked_at is null
"""
_REVOKE_USER = """
    update refresh_tokens
       set revoked_at = $3
     where tenant_id = $1
       and user_id = $2
       and revoked_at is null
"""
_DELETE_EXPIRED = "delete from refresh_tokens where tenant_id = $1 and expires_at <= $2"


class TokenUse(StrEnum):
    ACCEPTED = "accepted"
    REFUSED = "refused"
    """Unknown, expired or revoked."""
    REUSED = "reused"
    """It had been used before: somebody holds a copy, and the whole family is revoked now."""


@dataclass(frozen=True, slots=True)
class UsedToken:
    use: TokenUse
    user_id: UUID | None
    family_id: UUID | None


async def insert_refresh_token(
    db: Connection,
    tenant_id: TenantId,
    token_hash: bytes,
    *,
    family_id: UUID,
    user_id: UUID,
    issued_at: datetime,
    expires_at: datetime,
) -> None:
    """A login begins a family; each token issued in exchange for another stays in its family."""
    with refusals("refresh token"):
        await db.execute(_INSERT, tenant_id, token_hash, family_id, user_id, issued_at, expires_at)


async def use_refresh_token(
    db: Connection, tenant_id: TenantId, token_hash: bytes, *, now: datetime
) -> UsedToken:
    """Use a token up; of two uses at the same time one is a reuse.

    Does not raise, because the revocation it may make has to be committed.
    """
    row = await db.fetchrow(_USE, tenant_id, token_hash, now)
    if row is not None:
        return UsedToken(TokenUse.ACCEPTED, row["user_id"], row["family_id"])
    row = await db.fetchrow(_FIND, tenant_id, token_hash)
    if row is None:
        return UsedToken(TokenUse.REFUSED, None, None)
    if row["used_at"] is None or row["revoked_at"] is not None:
        return UsedToken(TokenUse.REFUSED, row["user_id"], row["family_id"])
    await db.execute(_REVOKE_FAMILY, tenant_id, row["family_id"], now)
    return UsedToken(TokenUse.REUSED, row["user_id"], row["family_id"])


async def revoke_family(
    db: Connection, tenant_id: TenantId, family_id: UUID, *, now: datetime
) -> None:
    """Sign one session out."""
    await db.execute(_REVOKE_FAMILY, tenant_id, family_id, now)


async def revoke_tokens_of_user(
    db: Connection, tenant_id: TenantId, user_id: UUID, *, now: datetime
) -> None:
    """Sign a user out everywhere."""
    await db.execute(_REVOKE_USER, tenant_id, user_id, now)


async def delete_expired_tokens(db: Connection, tenant_id: TenantId, *, before: datetime) -> None:
    await db.execute(_DELETE_EXPIRED, tenant_id, before)
