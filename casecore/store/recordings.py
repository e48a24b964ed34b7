"""Recordings: where the sound of a call is kept; the files themselves are not touched here."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from casecore.db.connection import Connection
from casecore.paging import Page, Rows, orderings
from casecore.store.rows import containing, found, listing_of, page_of, plain
from config.tenancy import TenantId

SORT_COLUMNS = {
    "started_at": "r.started_at",
    "duration_ms": "r.duration_ms",
    "size_bytes": "r.size_bytes",
}

_SELECT = """
    select r.id, r.call_id, r.kind, r.started_at, r.stored_at, r.file, r.duration_ms,
           r.size_bytes, r.sha256, r.channels, r.complete, r.failed_reason,
           c.caller, c.called, a.name as agent_name
      from recordings r
      left join calls c on c.tenant_id = r.tenant_id and c.id = r.call_id
      left join agents a on a.tenant_id = c.tenant_id and a.id = c.agent_id
     where r.tenant_id = $1
"""
_FILTER = """
       and ($2::uuid is null or r.call_id = $2)
       and ($3::text is null or r.kind = $3)
       and ($4::timestamptz is null or r.started_at >= $4)
       and ($5::timestamptz is null or r.started_at < $5)
       and ($6::uuid is null
            or c.agent_id = $6
            or exists (select from legs l
                        where l.tenant_id = r.tenant_id
                          and l.call_id = r.call_id
                          and l.agent_id = $6
                          and l.answered_at is not null))
       and ($7::text is null or c.caller ilike $7 or a.name ilike $7)
"""
_FETCH = _SELECT + " and r.id = $2"
_PAGES = orderings(_SELECT + _FILTER, SORT_COLUMNS, unique="r.id", page="limit $8 offset $9")
_COUNT = f"select count(*) from ({_SELECT}{_FILTER}) matching"
_INSERT = """
    insert into recordings (tenant_id, id, call_id, kind, started_at)
    values ($1, $2, $3, $4, $5)
    on conflict (tenant_id, id) do nothing
"""
_STORED = """
    update recordings
       set stored_at = $3, file = $4, duration_ms = $5, size_bytes = $6, sha256 = $7,
           channels = $8, complete = $9,
           failed_reason = nullif(failed_reason, 'interrupted')
     where tenant_id = $1
       and id = $2
       and stored_at is null
"""
_FAILED = """
    update recordings
       set failed_reason = $3
     where tenant_id = $1
       and id = $2
       and (failed_reason is null or failed_reason = 'interrupted')
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    id: UUID
    call_id: UUID
    kind: str
    started_at: datetime
    stored_at: datetime | None
    file: str | None
    """Path below the recordings folder; None until it is stored."""
    duration_ms: int | None
    size_bytes: int | None
    sha256: str | None
    channels: int | None
    complete: bool
    failed_reason: str | None
    caller: str | None
    """Of the call, as are those below."""
    called: str | None
    agent_name: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingFilter:
    call_id: UUID | None = None
    kind: str | None = None
    started_from: datetime | None = None
    started_before: datetime | None = None
    agent_id: UUID | None = None
    """Recordings of calls this agent served or took part in."""
    party: str = ""
    """Part of the caller's number or of the agent's name."""


async def list_recordings(
    db: Connection, tenant_id: TenantId, page: Page, wanted: RecordingFilter
) -> Rows[Recording]:
    statements = listing_of(_PAGES, page, _COUNT, default="started_at")
    return await page_of(
        db,
        Recording,
        statements,
        tenant_id,
        wanted.call_id,
        wanted.kind,
        wanted.started_from,
        wanted.started_before,
        wanted.agent_id,
        containing(wanted.party),
        page.limit,
        page.offset,
    )


async def fetch_recording(db: Connection, tenant_id: TenantId, recording_id: UUID) -> Recording:
    row = await db.fetchrow(_FETCH, tenant_id, recording_id)
    return found(Recording, row, f"recording {recording_id}")


async def insert_recording(
    db: Connection,
    tenant_id: TenantId,
    recording_id: UUID,
    *,
    call_id: UUID,
    kind: str,
    started_at: datetime,
) -> None:
    await db.execute(_INSERT, tenant_id, recording_id, call_id, kind, started_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    at: datetime
    file: str
    duration_ms: int
    size_bytes: int
    sha256: str
    channels: int
    complete: bool


async def update_stored(
    db: Connection, tenant_id: TenantId, recording_id: UUID, stored: StoredFile
) -> None:
    await db.execute(
        _STORED,
        tenant_id,
        recording_id,
        stored.at,
        stored.file,
        stored.duration_ms,
        stored.size_bytes,
        stored.sha256,
        stored.channels,
        stored.complete,
    )


async def update_failed(
    db: Connection, tenant_id: TenantId, recording_id: UUID, reason: str
) -> None:
    await db.execute(_FAILED, tenant_id, recording_id, plain(reason))
