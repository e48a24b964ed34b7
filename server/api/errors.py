"""What an API operation raises, and the one shape in which every error leaves the server."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field as attribute


@dataclass(frozen=True, slots=True)
class FieldError:
    field: str
    message: str
    code: str = ""
    """Stable, for pages that say it in another language; empty where there is only the message."""
    values: Mapping[str, str | int | float] = attribute(default_factory=dict)
    """What the message says besides, such as a limit or the name of what is in the way."""


class ApiError(Exception):
    """An answer other than success. `code` is stable, `message` is for people."""

    status = 500
    code = "INTERNAL"
    retry_after: float | None = None
    """Seconds after which the same request may succeed."""

    def __init__(self, message: str, *, details: Sequence[FieldError] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.details = tuple(details)


class ValidationFailed(ApiError):
    status = 400
    code = "VALIDATION_FAILED"


class Unauthenticated(ApiError):
    status = 401
    code = "UNAUTHENTICATED"


class Forbidden(ApiError):
    status = 403
    code = "FORBIDDEN"


class NotFound(ApiError):
    """Also the answer for what exists and is not the asker's: the two must not be told apart."""

    status = 404
    code = "NOT_FOUND"

    def __init__(self, message: str = "There is no such record.") -> None:
        super().__init__(message)


class Conflict(ApiError):
    status = 409
    code = "CONFLICT"


class TooLarge(ApiError):
    status = 413
    code = "TOO_LARGE"


class UnsupportedMediaType(ApiError):
    status = 415
    code = "UNSUPPORTED_MEDIA_TYPE"


class Unprocessable(ApiError):
    """Well-formed, but it makes no sense in the present state of things."""

    status = 422
    code = "UNPROCESSABLE"


class TooManyRequests(ApiError):
    status = 429
    code = "TOO_MANY_REQUESTS"

    def __init__(self, message: str, *, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Unavailable(ApiError):
    status = 503
    code = "UNAVAILABLE"
    retry_after = 2.0
