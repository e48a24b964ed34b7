"""Announcements and music; the sound itself is a file that other packages keep."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from casecore.db.connection import Connection
from casecore.paging import Page, Rows, orderings
from casecore.store.rows import all_of, changed, found, listing_of, page_of, refusals
from config.tenancy import TenantId

SORT_COLUMNS = {
    "name": "lower(name)",
    "created_at": "created_at",
    "duration_ms": "duration_ms",
    "size_bytes": "size_bytes",
}

_VALUES = "id, name, kind, duration_ms, size_bytes, sha256, spoken_text, voice"
_COLUMNS = f"{_VALUES}, created_at"
_SELECT = f"select {_COLUMNS} from sounds where tenant_id = $1"

_INSERT = f"""
    insert into sounds (tenant_id, {_VALUES})
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
    returning {_COLUMNS}
"""
_FETCH = _SELECT + " and id = $2"
_LIST = _SELECT + " order by lower(name), id"
_OF_KIND = _SELECT + " and ($2::text is null or kind = $2)"
_PAGES = orderings(_OF_KIND, SORT_COLUMNS, unique="id", page="limit $3 offset $4")
_COUNT = "select count(*) from sounds where tenant_id = $1 and ($2::text is null or kind = $2)"
_RENAME = f"""
    update sounds
       set name = $3
     where tenant_id = $1
       and id = $2
    returning {_COLUMNS}
"""
_DELETE = "delete from sounds where tenant_id = $1 and id = $2"


class SoundKind(StrEnum):
    ANNOUNCEMENT = "announcement"
    MUSIC = "music"


@dataclass(frozen=True, slots=True, kw_only=True)
class SoundValues:
    id: UUID
    """Made by whoever keeps the file, which is named by it."""
    name: str
    kind: SoundKind
    duration_ms: int
    size_bytes: int
    sha256: str
    """Of the file as it is kept."""
    spoken_text: str | None = None
    """What it says, when it was made from text; then `voice` said it."""
    voice: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "kind", SoundKind(self.kind))


@dataclass(frozen=True, slots=True, kw_only=True)
class Sound(SoundValues):
    created_at: datetime


async def insert_sound(db: Connection, tenant_id: TenantId, values: SoundValues) -> Sound:
    """Raises AlreadyExists for a taken name."""
    arguments = (
        values.id,
        values.name,
        values.kind,
        values.duration_ms,
        values.size_bytes,
        values.sha256,
        values.spoken_text,
        values.voice,
    )
    with refusals(f"sound {values.name}"):
        row = await db.fetchrow(_INSERT, tenant_id, *arguments)
    return found(Sound, row, values.name)


async def fetch_sound(db: Connection, tenant_id: TenantId, sound_id: UUID) -> Sound:
    return found(Sound, await db.fetchrow(_FETCH, tenant_id, sound_id), f"sound {sound_id}")


async def rename_sound(db: Connection, tenant_id: TenantId, sound_id: UUID, name: str) -> Sound:
    """Raises AlreadyExists for a taken name."""
    with refusals(f"sound {name}"):
        row = await db.fetchrow(_RENAME, tenant_id, sound_id, name)
    return found(Sound, row, f"sound {sound_id}")


async def delete_sound(db: Connection, tenant_id: TenantId, sound_id: UUID) -> None:
    """Raises StillInUse while a queue plays it."""
    with refusals(f"sound {sound_id}"):
        changed(await db.execute(_DELETE, tenant_id, sound_id), f"sound {sound_id}")


async def count_sounds(db: Connection, tenant_id: TenantId) -> int:
    return int(await db.fetchval(_COUNT, tenant_id, None))


async def list_sounds(
    db: Connection, tenant_id: TenantId, page: Page, kind: SoundKind | None = None
) -> Rows[Sound]:
    statements = listing_of(_PAGES, page, _COUNT, default="name")
    return await page_of(db, Sound, statements, tenant_id, kind, page.limit, page.offset)


async def list_all_sounds(db: Connection, tenant_id: TenantId) -> list[Sound]:
    return all_of(Sound, await db.fetch(_LIST, tenant_id))
