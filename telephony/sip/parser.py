"""Bytes to messages: one datagram, or a stream in pieces (RFC 3261 sections 7, 18.3 and 25).

Liberal where peers are known to differ, and never raises anything but what is named here.
"""

from typing import Final

from telephony.sip.headers import BadHeader, is_token, parse_number
from telephony.sip.message import Headers, Message, Request, Response, canonical
from telephony.sip.uri import BadUri, SipUri

MAX_HEAD: Final = 32 * 1024
MAX_BODY: Final = 64 * 1024
MAX_LINE: Final = 8 * 1024
MAX_FIELDS: Final = 200

_MANDATORY = ("via", "from", "to", "call-id", "cseq")
_SINGLE = frozenset({"from", "to", "call-id", "cseq", "max-forwards", "content-type"})


class BadMessage(Exception):
    """A message that cannot be served.

    `status` is what to answer, None to stay silent. `request` is there whenever a response can be
    addressed; it holds what could be read.
    """

    def __init__(self, status: int | None, reason: str, request: Request | None = None) -> None:
        super().__init__(reason)
        self.status = status if request is not None else None
        self.reason = reason
        self.request = request


class StreamBroken(Exception):
    """Nobody can say where the next message of this stream begins: close the connection."""


class Keepalive:
    """Line ends between messages: a double one asks for a single one (RFC 5626 3.5.1)."""

    __slots__ = ("is_ping",)

    def __init__(self, *, is_ping: bool) -> None:
        self.is_ping = is_ping


def parse_message(data: bytes) -> Message:
    """Read one datagram. Raises BadMessage."""
    end = data.find(b"\r\n\r\n")
    if end < 0:
        raise BadMessage(None, "the header fields do not end")
    message = _parse_head(data[:end])
    body = data[end + 4 :]
    try:
        length = _content_length(message.headers)
    except ValueError as error:
        raise _refused(400, "Bad Content-Length", message) from error
    if length is not None:
        if length > len(body):
            raise _refused(400, "Content-Length beyond the datagram", message)
        body = body[:length]
    if len(body) > MAX_BODY:
        raise _refused(513, "Message too large", message)
    message.body = body
    _check(message)
    return message


class StreamParser:
    """Cuts a byte stream into messages by their Content-Length, which a stream must give."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._searched = 0

    @property
    def is_partial(self) -> bool:
        """True while a message has begun and not ended: the peer owes us the rest."""
        return bool(self._buffer.strip(b"\r\n"))

    def receive_data(self, data: bytes) -> list[Message | Keepalive | BadMessage]:
        """Whole messages so far. Raises StreamBroken, after which nothing more may be fed."""
        self._buffer += data
        found: list[Message | Keepalive | BadMessage] = []
        while (item := self._next()) is not None:
            found.append(item)
        return found

    def _next(self) -> Message | Keepalive | BadMessage | None:
        buffer = self._buffer
        if buffer.startswith((b"\r", b"\n")):
            return self._keepalive()
        end = buffer.find(b"\r\n\r\n", max(0, self._searched - 3))
        if end < 0:
            self._searched = len(buffer)
            if len(buffer) > MAX_HEAD:
                raise StreamBroken("the header fields do not end")
            return None
        length = self._body_length(bytes(buffer[:end]))
        whole = end + 4 + length
        if len(buffer) < whole:
            return None
        data = bytes(buffer[:whole])
        del buffer[:whole]
        self._searched = 0
        try:
            return parse_message(data)
        except BadMessage as error:
            return error

    def _keepalive(self) -> Keepalive | None:
        buffer = self._buffer
        if buffer.startswith(b"\r\n\r\n"):
            del buffer[:4]
            return Keepalive(is_ping=True)
        if buffer == b"\r\n" or buffer == b"\r" or buffer == b"\r\n\r":
            # Half a ping, or a whole pong: only what follows can tell, and neither needs us.
            return None
        if buffer.startswith(b"\r\n"):
            del buffer[:2]
            return Keepalive(is_ping=False)
        raise StreamBroken("no SIP message")

    def _body_length(self, head: bytes) -> int:
        if len(head) > MAX_HEAD:
            raise StreamBroken("the header fields are too long")
        try:
            length = _content_length(_fields(head.split(b"\r\n")[1:]))
        except (BadMessage, ValueError) as error:
            raise StreamBroken("no length can be read") from error
        if length is None:
            raise StreamBroken("no Content-Length")
        if length > MAX_BODY:
            raise StreamBroken("the body is too long")
        return length


def _parse_head(head: bytes) -> Message:
    """The message without its body; raises BadMessage where not even an answer could be sent."""
    if len(head) > MAX_HEAD:
        raise BadMessage(None, "the header fields are too long")
    lines = head.split(b"\r\n")
    words = lines[0].split(b" ", 2)
    if len(words) != 3:
        raise BadMessage(None, "no SIP message")
    headers = _fields(lines[1:])
    if words[0].startswith(b"SIP/"):
        return _response(words, headers)
    return _request(words, headers)


def _request(words: list[bytes], headers: Headers) -> Request:
    try:
        method, target, version = (word.decode("ascii") for word in words)
    except UnicodeDecodeError as error:
        raise BadMessage(None, "the request line is not ASCII") from error
    if not is_token(method) or not version.startswith("SIP/"):
        raise BadMessage(None, "no SIP message")
    try:
        uri = SipUri.parse(target)
    except BadUri as error:
        unknown = Request(method, SipUri("sip", "invalid.invalid"), headers)
        raise _refused(400, "Bad Request-URI", unknown) from error
    request = Request(method, uri, headers)
    if version != "SIP/2.0":
        raise _refused(505, "Version Not Supported", request)
    return request


def _response(words: list[bytes], headers: Headers) -> Response:
    status, reason = words[1], words[2].decode("utf-8", "replace")
    if words[0] != b"SIP/2.0" or len(status) != 3 or not status.isdigit() or status < b"100":
        raise BadMessage(None, "no SIP response")
    if int(status) > 699:
        raise BadMessage(None, "no SIP response")
    return Response(int(status), reason, headers)


def _fields(lines: list[bytes]) -> Headers:
    """Header lines to fields; folded lines are joined. Raises BadMessage."""
    if len(lines) > MAX_FIELDS:
        raise BadMessage(None, "too many header fields")
    items: list[tuple[str, str]] = []
    for line in lines:
        if len(line) > MAX_LINE or b"\n" in line or b"\r" in line or b"\x00" in line:
            raise BadMessage(None, "a header line is damaged")
        text = line.decode("utf-8", "replace")
        if text[:1] in (" ", "\t"):
            if not items:
                raise BadMessage(None, "a header line is damaged")
            name, value = items[-1]
            items[-1] = (name, f"{value} {text.strip()}")
            continue
        name, colon, value = text.partition(":")
        name = name.rstrip()
        if not colon or not is_token(name):
            raise BadMessage(None, "a header line is damaged")
        items.append((canonical(name), value.strip()))
    return Headers.of_canonical(items)


def _content_length(headers: Headers) -> int | None:
    """None when the field is missing; raises ValueError when it cannot be trusted."""
    values = set(headers.get_all("content-length"))
    if not values:
        return None
    if len(values) > 1:
        raise ValueError("two lengths")
    return parse_number(values.pop(), most=10**9)


def _check(message: Message) -> None:
    """Raise BadMessage unless every field that the layers above rely on can be read."""
    headers = message.headers
    for name in _MANDATORY:
        if name not in headers:
            raise _refused(400, f"Missing {name.capitalize()}", message)
    for name in _SINGLE:
        if len(headers.get_all(name)) > 1:
            raise _refused(400, f"Several {name.capitalize()}", message)
    try:
        _ = message.via, message.from_, message.to, message.call_id
        cseq = message.cseq
        _ = message.contact
        if cseq.method == "INVITE":
            # A route that cannot be followed would make a dialog that nobody can end.
            _ = message.record_route
    except BadHeader as error:
        raise _refused(400, f"Bad {error}", message) from error
    if isinstance(message, Request) and cseq.method != message.method:
        raise _refused(400, "CSeq is of another method", message)


def _refused(status: int, reason: str, message: Message) -> BadMessage:
    """A refusal that is answered only if an answer would find its way."""
    if not isinstance(message, Request) or message.method == "ACK":
        return BadMessage(None, reason)
    try:
        _ = message.via, message.from_, message.to, message.call_id, message.cseq
    except BadHeader:
        return BadMessage(None, reason)
    return BadMessage(status, reason, message)
