"""SIP, SIPS and tel URIs, and the name-addresses of From, To and Contact (RFC 3261 19.1, 20.10)."""

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TypeAlias

Parameters: TypeAlias = tuple[tuple[str, str | None], ...]

_UNRESERVED = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.!~*'()")
_HOST = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._:%")
_USER_SAFE = _UNRESERVED | frozenset("&=+$,;?/#")
_MAX_LENGTH = 2_048


class BadUri(ValueError):
    """The text is not a URI this server can read."""


@dataclass(frozen=True, slots=True)
class SipUri:
    scheme: str
    """Lower case; anything but `sip`, `sips` and `tel` is kept, and refused by the user agent."""
    host: str
    """Empty for `tel`; an IPv6 address without its brackets."""
    user: str | None = None
    """Unescaped; for `tel` the number."""
    port: int | None = None
    password: str | None = None
    parameters: Parameters = ()
    headers: str = ""
    """What follows the question mark, as it came."""

    @classmethod
    def parse(cls, text: str) -> "SipUri":
        """Raises BadUri."""
        if len(text) > _MAX_LENGTH or not text.isprintable() or " " in text:
            raise BadUri("not a URI")
        scheme, colon, rest = text.partition(":")
        if not colon or not _is_scheme(scheme):
            raise BadUri("no scheme")
        scheme = scheme.lower()
        if scheme == "tel":
            number, *parameters = rest.split(";")
            if not number:
                raise BadUri("no number")
            return cls(scheme, "", user=number, parameters=_parameters(parameters))
        if scheme not in ("sip", "sips"):
            return cls(scheme, rest)
        return _parse_sip(scheme, rest)

    def parameter(self, name: str) -> str | None:
        """The value of a URI parameter; None when it is absent or has no value."""
        return next((v for n, v in self.parameters if n == name), None)

    def has_parameter(self, name: str) -> bool:
        return any(n == name for n, _ in self.parameters)

    @property
    def transport(self) -> str | None:
        value = self.parameter("transport")
        return value.lower() if value else None

    @property
    def is_loose(self) -> bool:
        return self.has_parameter("lr")

    def without_parameters(self) -> "SipUri":
        return replace(self, parameters=(), headers="")

    def equal_to(self, other: "SipUri") -> bool:
        """Whether both mean the same resource (RFC 3261 19.1.4)."""
        if (self.scheme, self.user, self.password, self.port) != (
            other.scheme,
            other.user,
            other.password,
            other.port,
        ):
            return False
        if self.host.lower() != other.host.lower():
            return False
        ours, theirs = _folded(self.parameters), _folded(other.parameters)
        if any(ours[name] != theirs[name] for name in ours.keys() & theirs.keys()):
            return False
        # These count even where only one of the two has them.
        decisive = {"user", "ttl", "method", "maddr", "transport"}
        return not (ours.keys() ^ theirs.keys()) & decisive and self.headers == other.headers

    def __str__(self) -> str:
        if self.scheme == "tel":
            return f"tel:{self.user}{_render(self.parameters)}"
        if self.scheme not in ("sip", "sips"):
            return f"{self.scheme}:{self.host}"
        text = f"{self.scheme}:"
        if self.user is not None:
            text += _escape(self.user)
            if self.password is not None:
                text += ":" + _escape(self.password)
            text += "@"
        text += f"[{self.host}]" if ":" in self.host else self.host
        if self.port is not None:
            text += f":{self.port}"
        text += _render(self.parameters)
        return f"{text}?{self.headers}" if self.headers else text


@dataclass(frozen=True, slots=True)
class NameAddress:
    """A display name and a URI, with the parameters of the header field, such as `tag`."""

    uri: SipUri
    display: str = ""
    parameters: Parameters = ()

    @classmethod
    def parse(cls, text: str) -> "NameAddress":
        """Raises BadUri."""
        text = text.strip()
        opening = _opening_bracket(text)
        if opening < 0:
            # Without brackets, parameters belong to the header field, not to the URI.
            address, *parameters = text.split(";")
            return cls(SipUri.parse(address.strip()), "", _parameters(parameters))
        closing = text.find(">", opening)
        if closing < 0:
            raise BadUri("no closing bracket")
        rest = text[closing + 1 :].strip()
        if rest and not rest.startswith(";"):
            raise BadUri("something follows the address")
        return cls(
            SipUri.parse(text[opening + 1 : closing].strip()),
            _unquoted(text[:opening].strip()),
            _parameters(split_quoted(rest, ";")[1:]) if rest else (),
        )

    @property
    def tag(self) -> str | None:
        return self.parameter("tag")

    def parameter(self, name: str) -> str | None:
        return next((v for n, v in self.parameters if n == name), None)

    def with_tag(self, tag: str) -> "NameAddress":
        others = tuple(p for p in self.parameters if p[0] != "tag")
        return replace(self, parameters=(*others, ("tag", tag)))

    def __str__(self) -> str:
        display = ""
        if self.display:
            quoted = self.display.replace("\\", "\\\\").replace('"', '\\"')
            display = f'"{quoted}" '
        return f"{display}<{self.uri}>{_render(self.parameters)}"


def parse_port(text: str) -> int:
    """A port in plain ASCII digits; raises BadUri."""
    if not (text.isascii() and text.isdigit() and len(text) <= 5):
        raise BadUri("not a port")
    port = int(text)
    if not 0 < port < 65_536:
        raise BadUri("not a port")
    return port


def split_host_port(text: str) -> tuple[str, int | None]:
    """`host`, `host:port`, `[v6]`, `[v6]:port`; raises BadUri."""
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or ":" not in host or not _is_host(host):
            raise BadUri("not an IPv6 address")
        if not rest:
            return host, None
        if not rest.startswith(":"):
            raise BadUri("not a port")
        return host, parse_port(rest[1:])
    host, colon, port = text.partition(":")
    if not host or not _is_host(host):
        raise BadUri("not a host")
    return host, parse_port(port) if colon else None


def split_quoted(text: str, separator: str) -> list[str]:
    """Split at `separator` outside of quotes and angle brackets; parts are stripped."""
    if '"' not in text and "<" not in text:
        return [part.strip() for part in text.split(separator)]
    parts: list[str] = []
    start, quoted, depth, at = 0, False, 0, 0
    while at < len(text):
        character = text[at]
        if quoted:
            if character == "\\":
                at += 1
            elif character == '"':
                quoted = False
        elif character == '"':
            quoted = True
        elif character == "<":
            depth += 1
        elif character == ">":
            depth = max(0, depth - 1)
        elif character == separator and not depth:
            parts.append(text[start:at].strip())
            start = at + 1
        at += 1
    parts.append(text[start:].strip())
    return parts


def parse_parameters(parts: list[str]) -> Parameters:
    """`name` and `name=value` items; names in lower case, quotes around values taken off."""
    return _parameters(parts)


@lru_cache(maxsize=4096)
def _parse_sip(scheme: str, rest: str) -> SipUri:
    rest, _, headers = _split_headers(rest)
    # An escaped @ cannot occur, so the last one ends the user part; a ; may stand before it.
    userinfo, at, address = rest.rpartition("@")
    user = password = None
    if at:
        name, colon, secret = userinfo.partition(":")
        if not name:
            raise BadUri("no user")
        user, password = _unescape(name), _unescape(secret) if colon else None
    hostport, *parameters = address.split(";")
    host, port = split_host_port(hostport)
    return SipUri(scheme, host, user, port, password, _parameters(parameters), headers)


def _split_headers(rest: str) -> tuple[str, str, str]:
    """A question mark may be part of the user; the one that begins headers comes after the @."""
    at = rest.rfind("@")
    mark = rest.find("?", at + 1)
    return (rest, "", "") if mark < 0 else (rest[:mark], "?", rest[mark + 1 :])


def _parameters(parts: list[str]) -> Parameters:
    parsed: list[tuple[str, str | None]] = []
    for part in parts:
        name, equals, value = part.partition("=")
        name = name.strip().lower()
        if not name:
            if part.strip():
                raise BadUri("a parameter has no name")
            continue
        parsed.append((name, _unquoted(value.strip()) if equals else None))
    return tuple(parsed)


def _folded(parameters: Parameters) -> dict[str, str]:
    return {name: (value or "").lower() for name, value in parameters}


def _render(parameters: Parameters) -> str:
    return "".join(f";{n}" if v is None else f";{n}={v}" for n, v in parameters)


def _opening_bracket(text: str) -> int:
    """Where the address begins: the first < outside a quoted display name; -1 without one."""
    if not text.startswith('"'):
        return text.find("<")
    at = 1
    while at < len(text) and text[at] != '"':
        at += 2 if text[at] == "\\" else 1
    if at >= len(text):
        raise BadUri("the quote does not end")
    opening = text.find("<", at)
    if opening < 0:
        raise BadUri("no address after the name")
    return opening


def _unquoted(text: str) -> str:
    if len(text) >= 2 and text[0] == text[-1] == '"':
        inner = text[1:-1]
        if "\\" not in inner:
            return inner
        out: list[str] = []
        at = 0
        while at < len(inner):
            at += inner[at] == "\\" and at + 1 < len(inner)
            out.append(inner[at])
            at += 1
        return "".join(out)
    return text


def _is_scheme(text: str) -> bool:
    return text.isascii() and text[:1].isalpha() and text.replace("-", "").isalnum()


def _is_host(text: str) -> bool:
    return _HOST.issuperset(text)


def _unescape(text: str) -> str:
    if "%" not in text:
        return text
    pieces = text.split("%")
    data = pieces[0].encode()
    for piece in pieces[1:]:
        digits = piece[:2]
        if len(digits) < 2 or not all(c in "0123456789abcdefABCDEF" for c in digits):
            raise BadUri("a bad escape")
        data += bytes([int(digits, 16)]) + piece[2:].encode()
    try:
        decoded = data.decode()
    except UnicodeDecodeError as error:
        raise BadUri("an escape is not UTF-8") from error
    if not decoded.isprintable():
        raise BadUri("an escape hides a control character")
    return decoded


def _escape(text: str) -> str:
    if _USER_SAFE.issuperset(text):
        return text
    return "".join(
        c if c in _USER_SAFE else "".join(f"%{byte:02X}" for byte in c.encode()) for c in text
    )
