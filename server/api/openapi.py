"""The OpenAPI 3.1 document, made from the operations that also serve the requests."""

from collections.abc import Sequence
from typing import Any

from pydantic import TypeAdapter

from server.api.envelope import answer_type
from server.api.errors import (
    ApiError,
    Forbidden,
    NotFound,
    TooLarge,
    Unauthenticated,
    Unavailable,
    Unprocessable,
    UnsupportedMediaType,
    ValidationFailed,
)
from server.api.models import ErrorOut
from server.api.operation import Operation
from server.api.routes import PREFIX
from server.event_codec import schemas

_REF = "#/components/schemas/{model}"
_DESCRIPTION = """\
REST interface of the Murima contact-centre server.

Every answer carries its payload in `data`; every error has the shape of `ErrorOut`.
Live events are pushed over the WebSocket `/ws/v1/events`; their schemas are under `x-events`.
"""


def document(operations: Sequence[Operation], *, version: str) -> dict[str, Any]:
    references, definitions = _model_schemas(operations)
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        described = _operation(operation, references)
        paths.setdefault(PREFIX + operation.path, {})[operation.method.lower()] = described
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Murima",
            "version": version,
            "description": _DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": definitions,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
            },
        },
        "x-events": schemas(),
    }


def _model_schemas(
    operations: Sequence[Operation],
) -> tuple[dict[tuple[str, str], Any], dict[str, Any]]:
    """A reference for each operation's body and answer, and the definitions they point to."""
    inputs: list[tuple[str, Any, TypeAdapter[Any]]] = [
        ("error", "serialization", TypeAdapter(ErrorOut))
    ]
    for operation in operations:
        if operation.body is not None:
            inputs.append((f"{operation.name}:body", "validation", TypeAdapter(operation.body)))
        if operation.file_type is None:
            adapter: TypeAdapter[Any] = TypeAdapter(answer_type(operation))
            inputs.append((f"{operation.name}:answer", "serialization", adapter))
    references, definitions = TypeAdapter.json_schemas(inputs, ref_template=_REF)
    named: dict[tuple[str, str], Any] = {
        (str(key), mode): r for (key, mode), r in references.items()
    }
    return named, definitions.get("$defs", {})


def _operation(operation: Operation, references: dict[tuple[str, str], Any]) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "tags": [operation.tag],
        "parameters": [*_path_parameters(operation), *_query_parameters(operation)],
        "responses": _responses(operation, references),
        "security": [] if operation.public else [{"bearer": []}],
    }
    if operation.may is not None:
        described["description"] = f"Needs the permission `{operation.may.value}`."
    if operation.body is not None:
        schema = references[(f"{operation.name}:body", "validation")]
        described["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": schema}},
        }
    if operation.upload is not None:
        file = {"schema": {"type": "string", "format": "binary"}}
        described["requestBody"] = {
            "required": True,
            "content": dict.fromkeys(operation.upload.types, file),
        }
    return described


def _path_parameters(operation: Operation) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": TypeAdapter(kind).json_schema(),
        }
        for name, kind in operation.parameters.items()
    ]


def _query_parameters(operation: Operation) -> list[dict[str, Any]]:
    if operation.query is None:
        return []
    schema = TypeAdapter(operation.query).json_schema()
    required = schema.get("required", [])
    return [
        {"name": name, "in": "query", "required": name in required, "schema": described}
        for name, described in schema["properties"].items()
    ]


def _responses(
    operation: Operation, references: dict[tuple[str, str], Any]
) -> dict[str, dict[str, Any]]:
    if operation.file_type is not None:
        content: dict[str, Any] = {operation.file_type: {}}
    else:
        schema = references[(f"{operation.name}:answer", "serialization")]
        content = {"application/json": {"schema": schema}}
    responses: dict[str, dict[str, Any]] = {
        str(operation.status): {"description": "Done.", "content": content}
    }
    if operation.file_type is not None and operation.method == "GET":
        responses["206"] = {"description": "The part asked for.", "content": content}
        responses["416"] = {"description": "The range asked for does not exist."}
    error = {"application/json": {"schema": references[("error", "serialization")]}}
    for kind in _errors_of(operation):
        responses[str(kind.status)] = {"description": kind.code, "content": error}
    return responses


def _errors_of(operation: Operation) -> set[type[ApiError]]:
    kinds: set[type[ApiError]] = set(operation.errors)
    if not operation.public:
        kinds.add(Unauthenticated)
    if operation.may is not None:
        kinds.add(Forbidden)
    if operation.parameters:
        kinds.add(NotFound)
    has_body = operation.body is not None or operation.upload is not None
    if operation.query is not None or has_body:
        kinds.add(ValidationFailed)
    if has_body:
        kinds |= {UnsupportedMediaType, TooLarge, Unprocessable}
    if operation.file_type is None or operation.method != "GET":
        kinds.add(Unavailable)
    return kinds
