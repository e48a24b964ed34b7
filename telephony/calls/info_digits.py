"""DTMF in the body of INFO, in the forms that phones send."""

_INFO_DIGITS = frozenset("0123456789*#ABCD")


def read_digit(body: bytes) -> tuple[str | None, int]:
    """The key and its length in ms from `Signal=5`, `Duration=160`, or from the bare key."""
    digit, duration = None, 100
    for line in body[:200].decode("ascii", "replace").splitlines():
        name, equals, value = line.partition("=")
        name, value = name.strip().lower(), value.strip().upper()
        if not equals:
            value = name.upper()
        if (not equals or name == "signal") and value in _INFO_DIGITS and value:
            digit = value
        elif name == "duration" and value.isascii() and value.isdigit() and len(value) < 6:
            duration = min(int(value), 10_000)
    return digit, duration
