"""What telephony refuses, as answers of the API."""

from server.api.errors import Conflict, Unprocessable
from telephony.errors import NotPossible, UnknownTarget


class refusals:
    """Telephony's own words, as answers of the API."""

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object) -> None:
        if isinstance(error, NotPossible):
            raise Conflict(str(error)) from error
        if isinstance(error, UnknownTarget):
            raise Unprocessable(str(error)) from error
