"""One API operation as data: from it come the route, the checks and the OpenAPI document."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from casecore.permissions import Permission
from server.api.errors import ApiError
from server.api.models import ApiModel
from server.api.upload import Upload

Handler = Callable[..., Awaitable[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    method: str
    path: str
    """Below `/api/v1`, with `{name}` for each path parameter."""
    handler: Handler
    """Called with keyword arguments only: `who` (unless public), `query`, `body`, one for each
    path parameter, `source` (the client's address) if `wants_source`, and
    `host` (what the client calls us) if `wants_host`."""
    summary: str
    tag: str
    may: Permission | None = None
    """Needed permission; None when being signed in is enough."""
    public: bool = False
    wants_source: bool = False
    wants_host: bool = False
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """Type of each path parameter."""
    query: type[ApiModel] | None = None
    body: type[ApiModel] | None = None
    upload: Upload | None = None
    """The body is a file: the handler gets an `UploadedFile` as `upload`."""
    returns: Any = None
    """Type of the answer's `data`; None answers `{"success": true}`."""
    many: bool = False
    """The handler returns `Paged` and the answer has `pagination`."""
    status: int = 200
    file_type: str | None = None
    """Media type when the handler returns a whole aiohttp response instead of data."""
    errors: tuple[type[ApiError], ...] = ()
    """Those the handler itself raises, for the document."""

    @property
    def name(self) -> str:
        """The operation's id, unique over the API: method and path in words."""
        words = [part.strip("{}") for part in self.path.split("/") if part]
        return "_".join([self.method.lower(), *words]).replace("-", "_").replace(".", "_")
