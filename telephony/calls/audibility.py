"""Who hears whom in a conversation. Nothing in here touches sound.

Every member is in a room: those of one room talk with each other, as a caller and an agent do, or
an agent and the colleague who is asked for advice meanwhile. A supervisor follows one of them.
"""

from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)

MAIN = 0
"""The room in which a conversation begins."""
ASIDE = 1
"""The room in which somebody is consulted."""


class Mode(StrEnum):
    TALK = "talk"
    LISTEN = "listen"
    """Hears those whom `follows` hears and talks with; nobody hears them."""
    WHISPER = "whisper"
    """Like LISTEN, but the one they follow hears them."""
    BARGE = "barge"
    """One of those who talk."""


@dataclass(slots=True)
class Member(Generic[Key]):
    key: Key
    room: int = MAIN
    mode: Mode = Mode.TALK
    follows: Key | None = None
    """Whom a supervisor listens with."""
    muted: bool = False
    on_hold: set[str] = field(default_factory=set)
    """What holds them: their own `phone`, or somebody through the `interface`."""

    @property
    def is_away(self) -> bool:
        return bool(self.on_hold)

    @property
    def is_observer(self) -> bool:
        return self.mode in (Mode.LISTEN, Mode.WHISPER)


class Audibility(Generic[Key]):
    """The members of one conversation, in the order in which they came."""

    def __init__(self) -> None:
        self._members: dict[Key, Member[Key]] = {}

    def __iter__(self) -> Iterator[Member[Key]]:
        return iter(self._members.values())

    def __contains__(self, key: Key) -> bool:
        return key in self._members

    def __len__(self) -> int:
        return len(self._members)

    def __getitem__(self, key: Key) -> Member[Key]:
        return self._members[key]

    def add(self, key: Key, *, room: int = MAIN) -> Member[Key]:
        member = self._members[key] = Member(key, room)
        return member

    def remove(self, key: Key) -> None:
        """Whoever followed this one follows nobody any more, and hears nothing."""
        self._members.pop(key, None)
        for member in self:
            if member.follows == key:
                member.follows = None

    def hears(self, listener: Key, source: Key) -> bool:
        """Whether what `source` says reaches `listener`."""
        if listener == source:
            return False
        ear, mouth = self._members[listener], self._members[source]
        if ear.is_away or mouth.is_away or mouth.muted:
            return False
        if mouth.mode is Mode.LISTEN:
            return False
        if mouth.mode is Mode.WHISPER:
            return mouth.follows == listener
        return self._room_of(ear) == self._room_of(mouth)

    def waits(self, key: Key) -> bool:
        """Whether music is all there is to hear: those one would talk with are away."""
        member = self._members[key]
        if member.is_away or member.is_observer:
            return False
        others = (m for m in self if m.key != key and not m.is_observer)
        return all(m.is_away or m.room != member.room for m in others)

    def _room_of(self, member: Member[Key]) -> int | None:
        """Observers are where the one they follow is."""
        if not member.is_observer:
            return member.room
        if member.follows is None or member.follows not in self._members:
            return None
        return self._members[member.follows].room
