"""Between rows and our own types, for every store."""

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import asyncpg

from casecore.db.connection import Connection, Row
from casecore.errors import (
    AlreadyExists,
    NotFound,
    NotStorable,
    StillInUse,
    UnknownReference,
)
from casecore.paging import Orderings, Page, Rows, ordered

T = TypeVar("T")

_NUL_ESCAPES = re.compile(r"\\\\|\\u0000")
_MOST_TEXT = 400


def found(make: Callable[..., T], row: Row | None, what: str) -> T:
    """The row as `make(**row)`; raises NotFound."""
    if row is None:
        raise NotFound(what)
    return make(**row)


def all_of(make: Callable[..., T], rows: Iterable[Row]) -> list[T]:
    return [make(**row) for row in rows]


async def page_of(
    db: Connection, make: Callable[..., T], statements: tuple[str, str], *args: object
) -> Rows[T]:
    """Run a count and a listing statement which take the same arguments, but for the page.

    The last two arguments are limit and offset.
    """
    count, listing = statements
    total = await db.fetchval(count, *args[:-2])
    rows = await db.fetch(listing, *args) if total else []
    return Rows(tuple(all_of(make, rows)), total)


def containing(text: str) -> str | None:
    """The pattern of `ilike` for any text with this in it; None, which matches all, for none."""
    escaped = re.sub(r"([\\%_])", r"\\\1", text.strip())
    return f"%{escaped}%" if escaped else None


def listing_of(statements: Orderings, page: Page, count: str, *, default: str) -> tuple[str, str]:
    return count, ordered(statements, page, default=default)


@contextmanager
def refusals(what: str) -> Iterator[None]:
    """Turn what a constraint refuses into our own errors; the transaction is over then."""
    try:
        yield
    except asyncpg.UniqueViolationError as error:
        raise AlreadyExists(f"{what} already exists") from error
    except asyncpg.ForeignKeyViolationError as error:
        raise _reference_error(what, error) from error
    except (asyncpg.CheckViolationError, asyncpg.DataError) as error:
        raise NotStorable(f"{what}: {error}") from error


def _reference_error(
    what: str, error: asyncpg.ForeignKeyViolationError
) -> UnknownReference | StillInUse:
    # PostgreSQL has one code for both sides of a foreign key; only the detail tells them apart.
    if "still referenced" in (error.detail or ""):
        return StillInUse(f"{what} is still in use")
    return UnknownReference(f"{what} refers to something unknown")


def changed(status: str, what: str) -> None:
    """Check the command tag of an update or delete of one row; raises NotFound."""
    if status.endswith(" 0"):
        raise NotFound(what)


def plain(text: str, limit: int = _MOST_TEXT) -> str:
    """Text from outside as PostgreSQL can hold it: no NUL, no lone surrogate, bounded."""
    text = text[:limit].replace("\x00", "\N{REPLACEMENT CHARACTER}")
    return text.encode("utf-8", "replace").decode("utf-8")


def plain_json(document: str | bytes) -> str:
    """JSON text as jsonb can hold it: the one thing it refuses is an escaped NUL."""
    text = document.decode("utf-8", "replace") if isinstance(document, bytes) else document
    return _NUL_ESCAPES.sub(lambda m: m[0] if m[0] == r"\\" else r"\ufffd", text)
