"""The structured header fields: Via, CSeq, and how lists and numbers are read."""

from dataclasses import dataclass, replace

from telephony.sip.uri import (
    BadUri,
    Parameters,
    parse_parameters,
    split_host_port,
    split_quoted,
)

_MAX_SEQUENCE = 2**31 - 1


class BadHeader(ValueError):
    """A header field that cannot be read; the message names it."""


@dataclass(frozen=True, slots=True)
class Via:
    transport: str
    """Upper case, as in `UDP`."""
    host: str
    port: int | None = None
    parameters: Parameters = ()

    @classmethod
    def parse(cls, text: str) -> "Via":
        """Raises BadHeader."""
        protocol, *parts = text.split(";")
        words = protocol.replace("/", " / ").split()
        if len(words) < 6 or words[1] != "/" or words[3] != "/":
            raise BadHeader("Via")
        if (words[0].upper(), words[2]) != ("SIP", "2.0") or not words[4].isalnum():
            raise BadHeader("Via")
        try:
            host, port = split_host_port("".join(words[5:]))
            return cls(words[4].upper(), host, port, parse_parameters(parts))
        except BadUri as error:
            raise BadHeader("Via") from error

    @property
    def branch(self) -> str | None:
        return self.parameter("branch")

    @property
    def wants_rport(self) -> bool:
        return any(name == "rport" for name, _ in self.parameters)

    def parameter(self, name: str) -> str | None:
        return next((v for n, v in self.parameters if n == name), None)

    def with_source(self, host: str, port: int) -> "Via":
        """With `received`, and `rport` where it was asked for (RFC 3261 18.2.1, RFC 3581 4)."""
        kept = [p for p in self.parameters if p[0] not in ("received", "rport")]
        if self.wants_rport:
            kept.append(("rport", str(port)))
        if self.wants_rport or host != self.host:
            kept.append(("received", host))
        return replace(self, parameters=tuple(kept))

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port is None else f":{self.port}"
        parameters = "".join(f";{n}" if v is None else f";{n}={v}" for n, v in self.parameters)
        return f"SIP/2.0/{self.transport} {host}{port}{parameters}"


@dataclass(frozen=True, slots=True)
class CSeq:
    number: int
    method: str

    @classmethod
    def parse(cls, text: str) -> "CSeq":
        """Raises BadHeader."""
        words = text.split()
        if len(words) != 2 or not is_token(words[1]):
            raise BadHeader("CSeq")
        try:
            return cls(parse_number(words[0], most=_MAX_SEQUENCE), words[1])
        except ValueError as error:
            raise BadHeader("CSeq") from error

    def __str__(self) -> str:
        return f"{self.number} {self.method}"


def parse_number(text: str, *, most: int) -> int:
    """A number in plain ASCII digits; `int()` would take signs, spaces and other scripts.

    Raises ValueError.
    """
    text = text.strip()
    if not (text.isascii() and text.isdigit()) or len(text) > 12:
        raise ValueError("not a number")
    number = int(text)
    if number > most:
        raise ValueError("too large a number")
    return number


_TOKEN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.!%*_+`'~")


def is_token(text: str) -> bool:
    return bool(text) and _TOKEN.issuperset(text)


def split_list(text: str) -> list[str]:
    """The items of a comma-separated header field."""
    return [item for item in split_quoted(text, ",") if item]
