"""Building blocks of everything that crosses the HTTP border."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Generic, Literal, TypeVar

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

T = TypeVar("T")

_DATE = re.compile(r"\d{4}-\d\d-\d\d[T ]", re.IGNORECASE)


class ApiModel(BaseModel):
    """Strict, closed and frozen: what the outside sends is what the field says, or refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class OutModel(BaseModel):
    """What we send: built from our own rows, so reading attributes is fine."""

    model_config = ConfigDict(frozen=True, from_attributes=True)


def _storable(text: str) -> str:
    if "\x00" in text:
        raise ValueError("must not contain the NUL character")
    return text


def _written_out(given: object) -> object:
    # pydantic would take a number for seconds since 1970, which the document does not say.
    if isinstance(given, str) and _DATE.match(given) is None:
        raise ValueError("must be a time such as 2026-11-20T09:00:00Z")
    return given


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("is outside of the calendar") from None


Text = Annotated[
    str, AfterValidator(_storable), Field(json_schema_extra={"pattern": "^[^\\u0000]*$"})
]
Name = Annotated[Text, Field(min_length=1, max_length=80)]
DialString = Annotated[str, Field(min_length=1, max_length=40, pattern=r"^[+*#]?[0-9A-Za-z*#]+$")]
"""A number, extension or feature code as somebody would dial it."""

Moment = Annotated[
    AwareDatetime,
    Field(strict=False),  # what a validator before it has seen is no longer taken for JSON
    BeforeValidator(_written_out),
    AfterValidator(_in_utc),
]
"""A point in time: it must say its time zone, for the server's own would be a guess."""


class PageQuery(ApiModel):
    """Paging of every collection; a resource adds its own filters and sort fields."""

    page: int = Field(default=1, ge=1, le=1_000_000)
    limit: int = Field(default=20, ge=1, le=100)
    order: Literal["asc", "desc"] = "desc"

    @property
    def offset(self) -> int:
        return (self.page - 1) * self.limit


class SearchQuery(PageQuery):
    q: Annotated[Text, Field(max_length=80)] = ""
    """Part of what the rows are known by, in either case; all rows when empty."""


@dataclass(frozen=True, slots=True)
class Paged(Generic[T]):
    """One page of a collection on its way out."""

    items: Sequence[T]
    total: int


class Pagination(OutModel):
    total: int
    page: int
    limit: int
    pages: int


class FieldProblem(OutModel):
    field: str
    message: str
    code: str
    """What is wrong, stable; empty where only the message says it."""
    values: dict[str, str | int | float]


class Problem(OutModel):
    code: str = Field(examples=["NOT_FOUND"])
    message: str
    details: list[FieldProblem]


class ErrorOut(OutModel):
    error: Problem
