"""Keys that come as SIP INFO instead of RTP telephone-events."""

KEYS = "0123456789*#ABCD"
_EVENT_KEYS = {"10": "*", "11": "#"}
_RELAY = "application/dtmf-relay"
_PLAIN = "application/dtmf"


class UnknownBody(Exception):
    """An INFO that says nothing about keys."""


def read_info(content_type: str, body: bytes) -> str | None:
    """The key an INFO tells of; None when there is none that we know. Raises UnknownBody."""
    text = body[:1_024].decode("ascii", "replace")
    if content_type == _PLAIN:
        return _key(text)
    if content_type != _RELAY:
        raise UnknownBody(content_type)
    for line in text.splitlines():
        name, _, value = line.partition("=")
        if name.strip().lower() == "signal":
            return _key(value)
    return None


def write_info(key: str, *, duration_ms: int = 160) -> tuple[str, bytes]:
    """Content type and body that tell of `key`."""
    return _RELAY, f"Signal={key}\r\nDuration={duration_ms}\r\n".encode()


def _key(text: str) -> str | None:
    key = text.strip().upper()
    key = _EVENT_KEYS.get(key, key)
    return key if len(key) == 1 and key in KEYS else None
