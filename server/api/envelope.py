"""The shapes around data: what wraps an answer, a page and an error."""

from collections.abc import Sequence
from typing import Any, Generic, TypeVar

from aiohttp import web
from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from server.api.errors import ApiError, FieldError
from server.api.models import (
    ErrorOut,
    FieldProblem,
    OutModel,
    Paged,
    PageQuery,
    Pagination,
    Problem,
)
from server.api.operation import Operation

T = TypeVar("T")

_LIMITS = frozenset({"min_length", "max_length", "ge", "gt", "le", "lt"})
"""What of a finding's context is ours: the rest may repeat what was sent."""


class DataOut(OutModel, Generic[T]):
    data: T


class PageOut(OutModel, Generic[T]):
    data: list[T]
    pagination: Pagination


class SuccessOut(OutModel):
    success: bool = True


def answer_type(operation: Operation) -> Any:
    """The model of the operation's whole successful answer."""
    if operation.returns is None:
        return SuccessOut
    wrapper: Any = PageOut if operation.many else DataOut
    return wrapper[operation.returns]


def render(operation: Operation, adapter: TypeAdapter[Any], result: Any, query: Any) -> bytes:
    """Serialise what the handler returned; `adapter` is of `answer_type(operation)`."""
    if operation.returns is None:
        return adapter.dump_json(SuccessOut())
    if not operation.many:
        return adapter.dump_json(adapter.validate_python({"data": result}))
    assert isinstance(result, Paged)
    assert isinstance(query, PageQuery)
    pagination = Pagination(
        total=result.total,
        page=query.page,
        limit=query.limit,
        pages=-(-result.total // query.limit),
    )
    page = {"data": list(result.items), "pagination": pagination}
    return adapter.dump_json(adapter.validate_python(page))


def error_response(error: ApiError) -> web.Response:
    problem = Problem(
        code=error.code,
        message=error.message,
        details=[FieldProblem.model_validate(detail) for detail in error.details],
    )
    response = web.Response(
        status=error.status,
        body=ErrorOut(error=problem).model_dump_json().encode(),
        content_type="application/json",
    )
    if error.retry_after is not None:
        response.headers["Retry-After"] = str(max(1, round(error.retry_after)))
    if error.status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def field_errors(error: ValidationError, place: str) -> Sequence[FieldError]:
    """pydantic's findings as field and message; what was sent is never repeated."""
    findings = error.errors(include_url=False, include_input=False)
    return [_field_error(finding, place) for finding in findings[:50]]


def _field_error(finding: ErrorDetails, place: str) -> FieldError:
    limits = {k: v for k, v in finding.get("ctx", {}).items() if k in _LIMITS}
    return FieldError(
        ".".join((place, *map(str, finding["loc"]))),
        finding["msg"].removeprefix("Value error, "),
        finding["type"],
        limits,
    )
