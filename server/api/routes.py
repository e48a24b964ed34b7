"""Binds operations to aiohttp: checks who asks and what is sent, then calls the handler."""

import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeVar

from aiohttp import web
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError, create_model

from casecore.db.errors import DatabaseUnavailable, DatabaseUnfit
from casecore.errors import AlreadyExists, NotFound as RecordNotFound, RecordError, StillInUse
from server.api.envelope import answer_type, error_response, field_errors, render
from server.api.errors import (
    ApiError,
    Conflict,
    Forbidden,
    NotFound,
    TooLarge,
    Unauthenticated,
    Unavailable,
    Unprocessable,
    UnsupportedMediaType,
    ValidationFailed,
)
from server.api.operation import Operation
from server.api.upload import UploadedFile
from server.auth.principal import Principal
from server.auth.tokens import AccessTokens, InvalidToken

log = logging.getLogger(__name__)

PREFIX = "/api/v1"
MAX_BODY = 1024 * 1024

Body = TypeVar("Body", bound=BaseModel)
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def add_operations(
    app: web.Application, operations: Iterable[Operation], tokens: AccessTokens
) -> None:
    for operation in operations:
        app.router.add_route(
            operation.method, PREFIX + operation.path, _bind(operation, tokens), name=operation.name
        )


def bearer(request: web.Request, tokens: AccessTokens) -> Principal:
    """Who the request's bearer token speaks for; raises Unauthenticated."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthenticated("Sign in first: send the access token as a Bearer token.")
    try:
        return tokens.read(token.strip()).principal
    except InvalidToken as error:
        raise Unauthenticated("The access token has expired or is not valid.") from error


@web.middleware
async def errors_as_json(request: web.Request, handler: _Handler) -> web.StreamResponse:
    """Every error leaves in the one documented shape, and none carries a traceback."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        response = error_response(_from_aiohttp(error))
        if "Allow" in error.headers:
            response.headers["Allow"] = error.headers["Allow"]
        return response
    except Exception as error:
        known = _known(error)
        if known is None:
            log.exception("request failed", extra={"method": request.method, "path": request.path})
            known = ApiError("Something went wrong on the server; it has been logged.")
        return error_response(known)


def _known(error: Exception) -> ApiError | None:
    """The API's word for what a layer below may refuse; None for a fault of ours."""
    if isinstance(error, ApiError):
        return error
    if isinstance(error, RecordError):
        return _from_records(error)
    if isinstance(error, DatabaseUnavailable):
        return Unavailable("The database is away for a moment: try again.")
    if isinstance(error, DatabaseUnfit):
        # Such as a password changed under us: the operator's to mend, and only the log tells.
        log.error("the database refuses the server", extra={"error": str(error)})
        return Unavailable("The database does not serve now: try again later.")
    return None


def _from_records(error: RecordError) -> ApiError:
    if isinstance(error, RecordNotFound):
        return NotFound()
    kind = Conflict if isinstance(error, AlreadyExists | StillInUse) else Unprocessable
    return kind(f"Refused: {error}.")


def _from_aiohttp(error: web.HTTPException) -> ApiError:
    if isinstance(error, web.HTTPRequestEntityTooLarge):
        return TooLarge(f"The body may have at most {MAX_BODY} bytes.")
    if error.status == 404:
        return NotFound("There is nothing at this address.")
    mapped = ApiError(error.reason or "The request was refused.")
    mapped.status = error.status
    mapped.code = (error.reason or "error").upper().replace(" ", "_")
    return mapped


def _bind(operation: Operation, tokens: AccessTokens) -> _Handler:
    path_model = _path_model(operation)
    adapter: TypeAdapter[Any] = TypeAdapter(answer_type(operation))

    async def handle(request: web.Request) -> web.StreamResponse:
        arguments: dict[str, Any] = {}
        if not operation.public:
            arguments["who"] = _admitted(operation, bearer(request, tokens))
        if operation.wants_source:
            arguments["source"] = request.remote or ""
        if operation.wants_host:
            arguments["host"] = request.host
        arguments.update(_path_arguments(path_model, request))
        if operation.query is not None:
            arguments["query"] = _query(operation.query, request)
        if operation.body is not None:
            arguments["body"] = await read_body(operation.body, request)
        if operation.upload is not None:
            arguments["upload"] = UploadedFile(operation.upload, request)
        result = await operation.handler(**arguments)
        if isinstance(result, web.StreamResponse):
            return result
        return web.Response(
            status=operation.status,
            body=render(operation, adapter, result, arguments.get("query")),
            content_type="application/json",
        )

    return handle


def _admitted(operation: Operation, who: Principal) -> Principal:
    if operation.may is not None and not who.may(operation.may):
        raise Forbidden(f"Your role ({who.role.value}) may not do this.")
    return who


def _path_model(operation: Operation) -> type[BaseModel] | None:
    if not operation.parameters:
        return None
    fields: dict[str, Any] = {name: (kind, ...) for name, kind in operation.parameters.items()}
    return create_model(f"{operation.name}_path", __config__=ConfigDict(extra="forbid"), **fields)


def _path_arguments(model: type[BaseModel] | None, request: web.Request) -> dict[str, Any]:
    if model is None:
        return {}
    try:
        return dict(model.model_validate_strings(dict(request.match_info)))
    except ValidationError as error:
        raise NotFound("There is nothing at this address.") from error


def _query(model: type[BaseModel], request: web.Request) -> BaseModel:
    if len(request.query) != len(set(request.query)):
        raise ValidationFailed("A query parameter is given twice.")
    try:
        return model.model_validate_strings(dict(request.query))
    except ValidationError as error:
        raise ValidationFailed(
            "The query is not valid.", details=field_errors(error, "query")
        ) from error


async def read_body(model: type[Body], request: web.Request) -> Body:
    """The request's JSON as `model`; raises ValidationFailed or UnsupportedMediaType."""
    if request.content_type != "application/json":
        raise UnsupportedMediaType("Send the body as application/json.")
    try:
        return model.model_validate_json(await request.read())
    except ValidationError as error:
        raise ValidationFailed(
            "The body is not valid.", details=field_errors(error, "body")
        ) from error
