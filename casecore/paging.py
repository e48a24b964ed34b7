"""Pages of collections: what may be asked for, and how it is ordered."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, Literal, TypeAlias, TypeVar

T = TypeVar("T")

Order: TypeAlias = Literal["asc", "desc"]
Orderings: TypeAlias = Mapping[tuple[str, Order], str]
"""A whole constant statement for every sort column and direction."""


class BadSort(ValueError):
    """The collection cannot be sorted by that."""


@dataclass(frozen=True, slots=True)
class Page:
    limit: int = 20
    offset: int = 0
    sort: str | None = None
    """One of the collection's `SORT_COLUMNS`; its own default when None."""
    order: Order = "desc"


@dataclass(frozen=True, slots=True)
class Rows(Generic[T]):
    items: tuple[T, ...]
    total: int
    """Of all pages."""


def orderings(
    select: str, columns: Mapping[str, str], *, unique: str, page: str
) -> dict[tuple[str, Order], str]:
    """Write `select` out for each of `columns` (public name -> SQL) and both directions.

    `unique` breaks ties, so that no row appears on two pages; `page` is the limit clause.
    """
    directions: tuple[Order, Order] = ("asc", "desc")
    return {
        (name, order): f"{select} order by {sql} {order} nulls last, {unique} {order} {page}"
        for name, sql in columns.items()
        for order in directions
    }


def ordered(statements: Orderings, page: Page, *, default: str) -> str:
    """The statement for `page`; raises BadSort."""
    try:
        return statements[page.sort or default, page.order]
    except KeyError:
        names = ", ".join(sorted({name for name, _ in statements}))
        raise BadSort(f"sort must be one of {names}") from None
