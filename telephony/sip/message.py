"""SIP requests and responses: ordered header fields, and typed access to the ones that matter."""

from collections.abc import Iterable, Iterator
from functools import lru_cache

from telephony.sip.headers import BadHeader, CSeq, Via, parse_number, split_list
from telephony.sip.uri import BadUri, NameAddress, SipUri

_COMPACT = {
    "i": "call-id",
    "m": "contact",
    "e": "content-encoding",
    "l": "content-length",
    "c": "content-type",
    "f": "from",
    "s": "subject",
    "k": "supported",
    "t": "to",
    "v": "via",
    "o": "event",
    "r": "refer-to",
    "b": "referred-by",
    "x": "session-expires",
}
_SPELLING = {
    "call-id": "Call-ID",
    "cseq": "CSeq",
    "www-authenticate": "WWW-Authenticate",
    "mime-version": "MIME-Version",
    "rack": "RAck",
    "rseq": "RSeq",
    "min-se": "Min-SE",
}
REASONS = {
    100: "Trying",
    180: "Ringing",
    181: "Call Is Being Forwarded",
    183: "Session Progress",
    200: "OK",
    202: "Accepted",
    302: "Moved Temporarily",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    407: "Proxy Authentication Required",
    408: "Request Timeout",
    413: "Request Entity Too Large",
    415: "Unsupported Media Type",
    416: "Unsupported URI Scheme",
    420: "Bad Extension",
    421: "Extension Required",
    423: "Interval Too Brief",
    480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist",
    482: "Loop Detected",
    483: "Too Many Hops",
    484: "Address Incomplete",
    486: "Busy Here",
    487: "Request Terminated",
    488: "Not Acceptable Here",
    491: "Request Pending",
    500: "Server Internal Error",
    501: "Not Implemented",
    503: "Service Unavailable",
    505: "Version Not Supported",
    513: "Message Too Large",
    600: "Busy Everywhere",
    603: "Decline",
    604: "Does Not Exist Anywhere",
    606: "Not Acceptable",
}


@lru_cache(maxsize=1024)
def canonical(name: str) -> str:
    """Lower case, compact forms spelled out."""
    name = name.lower()
    return _COMPACT.get(name, name)


def _spelled(name: str) -> str:
    return _SPELLING.get(name) or name.title()


class Headers:
    """An ordered multimap of header fields; names in any case, compact or not."""

    __slots__ = ("_items",)

    def __init__(self, items: Iterable[tuple[str, str]] = ()) -> None:
        self._items = [(canonical(name), value) for name, value in items]

    @classmethod
    def of_canonical(cls, items: list[tuple[str, str]]) -> "Headers":
        """Take over a list whose names are canonical already: the parser's short cut."""
        made = cls()
        made._items = items
        return made

    def get(self, name: str) -> str | None:
        """The first field of that name."""
        name = canonical(name)
        for own, value in self._items:
            if own == name:
                return value
        return None

    def get_all(self, name: str) -> list[str]:
        """Every field of that name, one item a line."""
        name = canonical(name)
        return [value for own, value in self._items if own == name]

    def get_list(self, name: str) -> list[str]:
        """Every item of a list field, whether they came in one line or in several."""
        return [item for value in self.get_all(name) for item in split_list(value)]

    def add(self, name: str, value: str) -> None:
        self._items.append((canonical(name), value))

    def prepend(self, name: str, value: str) -> None:
        self._items.insert(0, (canonical(name), value))

    def set(self, name: str, value: str) -> None:
        """Replace every field of that name by one, where the first one stood."""
        name = canonical(name)
        for at, (own, _) in enumerate(self._items):
            if own == name:
                rest = [item for item in self._items[at + 1 :] if item[0] != name]
                self._items[at:] = [(name, value), *rest]
                return
        self._items.append((name, value))

    def remove(self, name: str) -> None:
        name = canonical(name)
        self._items = [item for item in self._items if item[0] != name]

    def items(self) -> Iterator[tuple[str, str]]:
        """Names are canonical."""
        return iter(self._items)

    def copy(self) -> "Headers":
        return Headers.of_canonical(list(self._items))

    def __contains__(self, name: str) -> bool:
        return self.get(name) is not None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Headers) and self._items == other._items

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Headers({self._items!r})"


class _Message:
    """What requests and responses share. Typed fields are read once, when first asked for.

    A typed field of a message that the parser accepted never raises; of a message made by hand it
    raises BadHeader.
    """

    __slots__ = ("headers", "body", "_cache")

    def __init__(self, headers: Headers, body: bytes) -> None:
        self.headers = headers
        self.body = body
        self._cache: dict[str, object] = {}

    @property
    def via(self) -> Via:
        """The topmost Via."""
        found = self._cache.get("via")
        if found is None:
            first = self.headers.get("via")
            items = split_list(first) if first is not None and "," in first else [first or ""]
            if not items:
                raise BadHeader("Via")
            self._cache["via"] = found = Via.parse(items[0])
        assert isinstance(found, Via)
        return found

    def set_via(self, via: Via) -> None:
        """Put `via` in the place of the topmost one."""
        lines = self.headers.get_all("via")
        rest = split_list(lines[0])[1:]
        first = ", ".join([str(via), *rest])
        name_value = [("via", value) for value in (first, *lines[1:])]
        others = [item for item in self.headers.items() if item[0] != "via"]
        self.headers = Headers.of_canonical([*name_value, *others])
        self._cache["via"] = via

    @property
    def from_(self) -> NameAddress:
        return self._address("from")

    @property
    def to(self) -> NameAddress:
        return self._address("to")

    @property
    def contact(self) -> NameAddress | None:
        """The first Contact; None when there is none, or it is `*`."""
        if "contact" not in self._cache:
            self._cache["contact"] = self._first_contact()
        found = self._cache["contact"]
        assert found is None or isinstance(found, NameAddress)
        return found

    @property
    def record_route(self) -> list[str]:
        """The addresses of the proxies that stay in the dialog, each one readable."""
        routes = self.headers.get_list("record-route")
        for route in routes:
            uri = _parsed_address(route, "Record-Route").uri
            if uri.scheme not in ("sip", "sips"):
                raise BadHeader("Record-Route")
        return routes

    @property
    def call_id(self) -> str:
        value = self.headers.get("call-id")
        if not value:
            raise BadHeader("Call-ID")
        return value

    @property
    def cseq(self) -> CSeq:
        found = self._cache.get("cseq")
        if found is None:
            self._cache["cseq"] = found = CSeq.parse(self.headers.get("cseq") or "")
        assert isinstance(found, CSeq)
        return found

    @property
    def content_type(self) -> str:
        """The media type in lower case without parameters; empty when there is none."""
        value = self.headers.get("content-type") or ""
        return value.partition(";")[0].strip().lower()

    @property
    def sdp(self) -> bytes | None:
        """The body where it is a session description."""
        if not self.body or self.content_type not in ("application/sdp", ""):
            return None
        return self.body

    def _first_contact(self) -> NameAddress | None:
        contacts = self.headers.get_list("contact")
        if not contacts or contacts[0] == "*":
            return None
        return _parsed_address(contacts[0], "Contact")

    def _address(self, name: str) -> NameAddress:
        found = self._cache.get(name)
        if found is None:
            text = self.headers.get(name) or ""
            self._cache[name] = found = _parsed_address(text, name.capitalize())
        assert isinstance(found, NameAddress)
        return found

    def _render(self, first_line: str) -> bytes:
        lines = [first_line]
        for name, value in self.headers.items():
            if name != "content-length":
                lines.append(f"{_spelled(name)}: {value}")
        lines.append(f"Content-Length: {len(self.body)}")
        text = "\r\n".join(lines)
        if text.count("\r") != len(lines) - 1 or text.count("\n") != len(lines) - 1:
            raise ValueError("a header field contains a line break")
        return text.encode() + b"\r\n\r\n" + self.body


class Request(_Message):
    __slots__ = ("method", "uri")

    def __init__(
        self, method: str, uri: SipUri, headers: Headers | None = None, body: bytes = b""
    ) -> None:
        super().__init__(headers if headers is not None else Headers(), body)
        self.method = method
        self.uri = uri

    @property
    def max_forwards(self) -> int:
        """70 where the field is missing or unreadable: an old element sent it."""
        try:
            return parse_number(self.headers.get("max-forwards") or "", most=255)
        except ValueError:
            return 70

    def to_bytes(self) -> bytes:
        return self._render(f"{self.method} {self.uri} SIP/2.0")

    def __repr__(self) -> str:
        return f"<{self.method} {self.uri}>"


class Response(_Message):
    __slots__ = ("status", "reason")

    def __init__(
        self,
        status: int,
        reason: str | None = None,
        headers: Headers | None = None,
        body: bytes = b"",
    ) -> None:
        super().__init__(headers if headers is not None else Headers(), body)
        self.status = status
        self.reason = REASONS.get(status, "Unknown") if reason is None else reason

    def to_bytes(self) -> bytes:
        return self._render(f"SIP/2.0 {self.status} {self.reason}")

    def __repr__(self) -> str:
        return f"<{self.status} {self.reason}>"


Message = Request | Response


def make_response(
    request: Request,
    status: int,
    reason: str | None = None,
    *,
    to_tag: str | None = None,
    headers: Iterable[tuple[str, str]] = (),
    body: bytes = b"",
    content_type: str = "application/sdp",
) -> Response:
    """A response to `request` (RFC 3261 8.2.6): its Via list, From, To, Call-ID and CSeq.

    `to_tag` is added to a To that has none; Record-Route is copied where a dialog may begin.
    """
    items: list[tuple[str, str]] = []
    for name, value in request.headers.items():
        if name in ("via", "from", "call-id", "cseq"):
            items.append((name, value))
        elif name == "to":
            tagless = to_tag is not None and request.to.tag is None
            items.append((name, f"{value};tag={to_tag}" if tagless else value))
        elif name == "record-route" and request.method == "INVITE" and status < 300:
            items.append((name, value))
    made = Headers.of_canonical(items)
    for name, value in headers:
        made.add(name, value)
    if body:
        made.add("content-type", content_type)
    return Response(status, reason, made, body)


def _parsed_address(text: str, name: str) -> NameAddress:
    try:
        return NameAddress.parse(text)
    except BadUri as error:
        raise BadHeader(name) from error
