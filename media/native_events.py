"""What the media threads tell, by number, and what that means for a leg."""

import socket

from media.events import (
    DIGITS,
    DtmfReceived,
    LegMediaEvent,
    MediaTimedOut,
    SourceLatched,
    StrangerRefused,
)


class Kind:
    """Numbers of the engine's events; they must agree with engine.h."""

    DIGIT, LATCHED, TIMEOUT, STRANGER, PLAYED, CLOSED = 1, 2, 3, 4, 5, 6
    BRIDGE_CLOSED, TAP_CLOSED, RECORDED, RECORDING_FAILED = 7, 8, 9, 10
    DATAGRAM = 11


def leg_event(kind: int, a: int, b: int) -> LegMediaEvent | None:
    if kind == Kind.DIGIT:
        return DtmfReceived(DIGITS[a], b)
    if kind == Kind.LATCHED:
        host = socket.inet_ntoa(a.to_bytes(4, "big")) if a else ""
        return SourceLatched((host, b))
    if kind == Kind.TIMEOUT:
        return MediaTimedOut(a)
    if kind == Kind.STRANGER:
        return StrangerRefused()
    return None
