"""What the media engine tells about one leg."""

from dataclasses import dataclass
from typing import TypeAlias

DIGITS = "0123456789*#ABCD"
"""A key's place is its number as a telephone-event (RFC 4733)."""


@dataclass(frozen=True, slots=True)
class DtmfReceived:
    digit: str
    duration_ms: int


@dataclass(frozen=True, slots=True)
class SourceLatched:
    """The leg's party is heard from this address, and nobody else will be."""

    address: tuple[str, int]
    """The host is empty for IPv6."""


@dataclass(frozen=True, slots=True)
class MediaTimedOut:
    """Nothing has come for as long as the settings allow."""

    silent_ms: int


@dataclass(frozen=True, slots=True)
class StrangerRefused:
    """Somebody else sends to the leg's port; told once a stream."""


LegMediaEvent: TypeAlias = DtmfReceived | SourceLatched | MediaTimedOut | StrangerRefused
