"""Brings a database's schema up to date: numbered SQL files, forward only, never edited."""

import asyncio
import hashlib
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable

import asyncpg

from casecore.db.connection import Connection
from casecore.db.errors import MigrationRefused

log = logging.getLogger(__name__)

_FILE = re.compile(r"(\d{4})_\w+\.sql")
_LOCK = 0x4D75_7269_6D61  # "Murima": any constant that nobody else in the database uses
_LOCK_SECONDS = 60.0
_POLL_SECONDS = 0.05

_TABLE = """
    create table if not exists schema_migrations (
        version integer primary key,
        name text not null,
        sha256 text not null,
        applied_at timestamptz not null default now()
    )
"""
_APPLIED = "select version, name, sha256 from schema_migrations order by version"
_RECORD = "insert into schema_migrations (version, name, sha256) values ($1, $2, $3)"


@dataclass(frozen=True, slots=True)
class Migration:
    version: int
    name: str
    sql: str

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()


def packaged_migrations() -> list[Migration]:
    return read_migrations(files("casecore") / "migrations")


def read_migrations(folder: Traversable) -> list[Migration]:
    """Every `NNNN_name.sql` of the folder, in order."""
    named = [(match, f) for f in folder.iterdir() if (match := _FILE.fullmatch(f.name))]
    found = [Migration(int(m[1]), f.name, f.read_text(encoding="utf-8")) for m, f in named]
    return sorted(found, key=lambda migration: migration.version)


async def migrate(db: Connection, migrations: Sequence[Migration]) -> int:
    """Apply what is missing; returns how many were. `db` belongs to the owner of the tables.

    Several servers may start at once: one applies, the others wait for it.
    Raises MigrationRefused.
    """
    await _lock(db)
    try:
        await db.execute(_TABLE)
        missing = _missing(migrations, {r["version"]: r for r in await db.fetch(_APPLIED)})
        for migration in missing:
            await _apply(db, migration)
    finally:
        await db.execute("select pg_advisory_unlock($1)", _LOCK)
    return len(missing)


async def _lock(db: Connection) -> None:
    # Polled: a session blocked in pg_advisory_lock holds a snapshot, and an index that another
    # one builds concurrently would wait for that snapshot for ever.
    try:
        async with asyncio.timeout(_LOCK_SECONDS):
            while not await db.fetchval("select pg_try_advisory_lock($1)", _LOCK):  # noqa: ASYNC110
                await asyncio.sleep(_POLL_SECONDS)
    except TimeoutError:
        raise MigrationRefused(
            f"database: another server has been migrating for {_LOCK_SECONDS:.0f} s"
        ) from None


def _missing(
    migrations: Sequence[Migration], applied: dict[int, asyncpg.Record]
) -> list[Migration]:
    known = {migration.version: migration for migration in migrations}
    for version, row in applied.items():
        if version not in known:
            raise MigrationRefused(
                f"database: migration {row['name']} was made by a newer version of the server"
            )
        if known[version].sha256 != row["sha256"]:
            raise MigrationRefused(
                f"database: migration {known[version].name} was edited after it had been applied; "
                "restore the file and write a new migration"
            )
    return [m for m in migrations if m.version not in applied]


async def _apply(db: Connection, migration: Migration) -> None:
    await db.execute("begin")
    try:
        await db.execute(migration.sql)
        await db.execute(_RECORD, migration.version, migration.name, migration.sha256)
        await db.execute("commit")
    except asyncpg.PostgresError as error:
        await db.execute("rollback")
        raise MigrationRefused(f"database: migration {migration.name}: {error}") from error
    log.info("migration applied", extra={"migration": migration.name})
