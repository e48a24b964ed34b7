"""The shapes around data: what wraps an answer, a page and an error."""

from collections.abc import Sequence
from typing import Any, Generic, TypeVar

from aiohttp import web
from pydantic import TypeAdapter, ValidationError

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
        details=[FieldProblem(field=d.field, message=d.message) for d in error.details],
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
    return [
        FieldError(".".join((place, *map(str, e["loc"]))), str(e["msg"]))
        for e in error.errors(include_url=False, include_input=False, include_context=False)
    ][:50]
