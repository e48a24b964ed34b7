"""The audit log: who changed what, in a chain of hashes per tenant."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from casecore.db.connection import Connection
from casecore.paging import Page, Rows, orderings
from casecore.store.rows import containing, listing_of, page_of, plain, plain_json
from config.tenancy import TenantId

SORT_COLUMNS = {"seq": "seq"}

_ADD = "select audit_add($1, $2, $3, $4, $5, $6::jsonb)"
_SELECT = """
    select seq, at, actor_id, actor, action, subject, data, hash
      from audit_log
     where tenant_id = $1
       and ($2::text is null or actor ilike $2)
       and ($3::text is null or action ilike $3)
       and ($4::text is null or subject ilike $4
            or exists (select from jsonb_each_text(data) told where told.value ilike $4))
       and ($5::timestamptz is null or at >= $5)
       and ($6::timestamptz is null or at < $6)
"""
_PAGES = orderings(_SELECT, SORT_COLUMNS, unique="seq", page="limit $7 offset $8")
_COUNT = f"select count(*) from ({_SELECT}) matching"
_FIRST_BROKEN = "select audit_first_broken($1)"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did it: a user, or the server itself (`id` None)."""

    id: UUID | None
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    seq: int
    at: datetime
    actor_id: UUID | None
    actor: str
    action: str
    subject: str
    data: Mapping[str, Any]
    hash: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which entries: those with each text in it, in either case."""

    actor: str = ""
    action: str = ""
    about: str = ""
    """In the subject or in what is told of it."""
    since: datetime | None = None
    until: datetime | None = None


EVERYTHING = Wanted()


async def insert_audit(
    db: Connection,
    tenant_id: TenantId,
    actor: Actor,
    *,
    action: str,
    subject: str,
    data: Mapping[str, object],
) -> int:
    """Add an entry, last in its transaction: the tenant's chain is locked until the commit."""
    text = plain_json(json.dumps(data))
    seq = await db.fetchval(
        _ADD, tenant_id, actor.id, plain(actor.name), plain(action), plain(subject), text
    )
    return int(seq)


async def list_audit(
    db: Connection, tenant_id: TenantId, page: Page, wanted: Wanted = EVERYTHING
) -> Rows[AuditEntry]:
    statements = listing_of(_PAGES, page, _COUNT, default="seq")
    patterns = map(containing, (wanted.actor, wanted.action, wanted.about))
    times = (wanted.since, wanted.until)
    return await page_of(
        db, _entry, statements, tenant_id, *patterns, *times, page.limit, page.offset
    )


async def find_first_broken(db: Connection, tenant_id: TenantId) -> int | None:
    """The number of the first entry that is not as it was written; None when all are."""
    seq = await db.fetchval(_FIRST_BROKEN, tenant_id)
    return int(seq) if seq is not None else None


def _entry(*, data: str, **values: Any) -> AuditEntry:
    return AuditEntry(**values, data=json.loads(data))
