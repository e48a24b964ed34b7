"""The people who talk in one call, and the sound between them."""

import asyncio
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from media.audio import Audio
from media.engine import MediaBridge, MediaLeg
from telephony.calls.audibility import ASIDE, MAIN, Audibility, Member, Mode
from telephony.calls.party import Party

PHONE, INTERFACE = "phone", "interface"
"""Who put somebody on hold: their own phone, or a button elsewhere."""

_LOST = frozenset({"media_lost", "media_timeout"})
"""Causes of a leg's end that nobody wanted."""


def is_lost(party: Party) -> bool:
    """Whether it was an agent's browser, and did not mean to go."""
    is_browser = party.in_browser and party.agent_id is not None
    return is_browser and party.ended.done() and party.ended.result() in _LOST


@dataclass(frozen=True, slots=True)
class Left:
    """One of the two whom the conversation is for hung up."""

    party: Party


@dataclass(frozen=True, slots=True)
class PassedOn:
    """`by` leaves the other one, who stays, to somebody else."""

    by: Party
    stays: Party
    to: Party | str
    """Somebody who is on the line already, or a number to call."""
    queue: str = ""
    """Or a queue to wait in; then `to` is empty."""
    first: bool = False
    """In front of everybody who waits there."""


Ending = Left | PassedOn


@dataclass(frozen=True, slots=True)
class Sounds:
    """What those hear who have nobody to listen to, to be looped."""

    music: Audio
    ringing: Audio


class SideRecording(Protocol):
    """A recording that can be told whom it hears on the right side."""

    def add(self, leg: MediaLeg) -> None: ...
    def remove(self, leg: MediaLeg) -> None: ...


class Conversation:
    """For two; others may be asked for advice, join in, or supervise.

    Change what `member` gives and call `settle`: gains, music and the recording follow.
    """

    def __init__(
        self,
        bridge: MediaBridge,
        sounds: Sounds,
        between: tuple[Party, Party],
        *,
        on_gone: Callable[[Member[Party], Party | None], None],
        on_lost: Callable[["Conversation", Party], bool] = lambda *_: False,
    ) -> None:
        """`on_gone` is told of anybody but those two who has hung up, and who had asked them.

        `on_lost` is asked about one of those two who is gone: True keeps the other one here.

        Raises MediaError where the legs of the two cannot meet.
        """
        self.between = between
        self.ending: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()
        self._bridge = bridge
        self._sounds = sounds
        self._on_gone = on_gone
        self._on_lost = on_lost
        self._people: Audibility[Party] = Audibility()
        self._heard: set[tuple[Party, Party]] = set()
        """Who hears whom now: (listener, source)."""
        self._waiting: dict[Party, int] = {}
        """Who hears music or ringing, and in which room that began."""
        self.asker: Party | None = None
        """Who of the two asks somebody for advice."""
        self.takes_key: Callable[[Party, str, int], bool] = lambda _party, _digit, _ms: False
        """Told of every key first; those it takes reach nobody else."""
        self._recording: SideRecording | None = None
        self._recorded: set[Party] = set()
        for party in between:
            self.join(party)

    def __iter__(self) -> Iterator[Member[Party]]:
        return iter(self._people)

    def __contains__(self, party: Party) -> bool:
        return party in self._people

    def member(self, party: Party) -> Member[Party]:
        """Raises KeyError for somebody who is not in it."""
        return self._people[party]

    def other_than(self, party: Party) -> Party:
        """The other one of the two."""
        first, second = self.between
        return first if party is second else second

    def pass_on(self, by: Party, to: Party | str, *, queue: str = "") -> None:
        """One of the two leaves; the other one goes on with `to`, or waits in a queue."""
        self.end(PassedOn(by, self.other_than(by), to, queue))

    def outlives(self, party: Party) -> bool:
        """Whether the other one has somebody to talk with when this one is gone, or waits for it
        to come back."""
        if party not in self.between:
            return False
        if self.ending.done():
            ending = self.ending.result()
            return isinstance(ending, PassedOn) and ending.by is party
        return self._heir is not None or is_lost(party)

    @property
    def consulted(self) -> Party | None:
        """Who is asked for advice just now."""
        aside = (m.key for m in self if m.room == ASIDE and m.mode is Mode.TALK)
        return next((party for party in aside if party not in self.between), None)

    def join(
        self,
        party: Party,
        *,
        room: int = MAIN,
        mode: Mode = Mode.TALK,
        follows: Party | None = None,
    ) -> None:
        """Take somebody in. Raises MediaError where the legs cannot meet."""
        member = self._people.add(party, room=room)
        member.mode, member.follows = mode, follows
        if party.is_held:
            member.on_hold.add(PHONE)
        party.media.stop_playing()
        wanted = {pair for pair in self._wanted() if party in pair}
        # Two who simply talk are what nearly every call is: the bridge begins that way by itself.
        everybody = len(wanted) == 2 * (len(self._people) - 1)
        self._bridge.add(party.media, silent=not everybody)
        if everybody:
            self._heard |= wanted
        party.hooks.digit = partial(self._take_digit, party)
        party.hooks.held = lambda held: self.hold(party, held=held, by=PHONE)
        party.ended.add_done_callback(lambda _: self._hung_up(party))
        if len(self._people) > 1:
            self.settle()

    def leave(self, party: Party) -> None:
        """Let somebody go; their leg is their own again."""
        if party not in self._people:
            return
        self._let_go(party)
        self._bridge.remove(party.media)
        self.settle()

    def replace(self, old: Party, new: Party) -> None:
        """`new` goes on in the place of `old`, one of the two. Raises MediaError as `join` does."""
        muted = self._people[old].muted
        followers = [member for member in self if member.follows is old]
        first, second = self.between
        self.between = (new, second) if old is first else (first, new)
        self.leave(old)
        self.join(new)
        self._people[new].muted = muted
        for member in followers:
            member.follows = new
        self.settle()

    def hold(self, party: Party, *, held: bool, by: str = INTERFACE) -> None:
        """`party` hears and says nothing meanwhile; whom it talked with hears music."""
        member = self._people[party]
        if held:
            member.on_hold.add(by)
        else:
            member.on_hold.discard(by)
        self.settle()

    def record(self, recording: SideRecording | None) -> None:
        """Whom the first of the two hears is recorded on the right side; so was the second."""
        self._recording = recording
        self._recorded = set(self.between[1:])
        self._settle_recording()

    def settle(self) -> None:
        """Let everybody hear what they should by now."""
        wanted = self._wanted()
        for listener, source in wanted - self._heard:
            self._bridge.set_gain(source.media, listener.media, 0.0)
        for listener, source in self._heard - wanted:
            self._bridge.set_gain(source.media, listener.media, -math.inf)
        self._heard = wanted
        self._settle_waiting()
        self._settle_recording()

    def pass_digit(self, party: Party, digit: str, duration_ms: int) -> None:
        """Let those hear a key who hear the party."""
        for listener, source in self._heard:
            if source is party and not self._people[listener].is_observer:
                listener.send_digit(digit, duration_ms)

    def come_back(self) -> None:
        """Nobody is aside any more: all of them talk with one another."""
        self.asker = None
        for member in self:
            member.room = MAIN
        self.settle()

    def end(self, ending: Ending) -> None:
        """The first ending counts."""
        if not self.ending.done():
            self.ending.set_result(ending)

    def close(self) -> None:
        """Everybody's keys and holds are their own again; the bridge is the owner's to close."""
        self._recording = None
        for member in list(self._people):
            self._let_go(member.key)

    # --- inside

    def _let_go(self, party: Party) -> None:
        self._people.remove(party)
        self._heard = {pair for pair in self._heard if party not in pair}
        party.hooks.digit = party.hooks.held = None
        if self._waiting.pop(party, None) is not None:
            party.media.stop_playing()

    def _hung_up(self, party: Party) -> None:
        if party not in self._people or self.ending.done():
            return
        if party not in self.between:
            member, asker = self._people[party], None
            if member.room == ASIDE:
                asker = self.asker
                self.come_back()
            self.leave(party)
            self._on_gone(member, asker)
            return
        if self._heir is None and self._on_lost(self, party):
            return
        # Whoever hangs up while somebody else is on the line leaves the two to one another.
        heir = self._heir
        self.end(Left(party) if heir is None else PassedOn(party, self.other_than(party), heir))

    @property
    def _heir(self) -> Party | None:
        """Who talks with the two, and supervises nobody."""
        others = (member for member in self if member.key not in self.between)
        return next((member.key for member in others if member.mode is Mode.TALK), None)

    def _wanted(self) -> set[tuple[Party, Party]]:
        everybody = [member.key for member in self._people]
        hears = self._people.hears
        return {(ear, mouth) for ear in everybody for mouth in everybody if hears(ear, mouth)}

    def _settle_waiting(self) -> None:
        waiting = {m.key: m.room for m in self._people if self._people.waits(m.key)}
        for party in [p for p, room in self._waiting.items() if waiting.get(p) != room]:
            del self._waiting[party]
            party.media.stop_playing()
        for party in waiting.keys() - self._waiting.keys():
            self._waiting[party] = waiting[party]
            rings = party is self.asker and self.consulted is None
            sound = self._sounds.ringing if rings else self._sounds.music
            party.media.play(sound, loop=True)

    def _settle_recording(self) -> None:
        if self._recording is None:
            return
        first = self.between[0]
        wanted = {source for listener, source in self._heard if listener is first}
        for party in wanted - self._recorded:
            self._recording.add(party.media)
        for party in self._recorded - wanted:
            self._recording.remove(party.media)
        self._recorded = wanted

    def _take_digit(self, party: Party, digit: str, duration_ms: int) -> None:
        if not self.takes_key(party, digit, duration_ms):
            self.pass_digit(party, digit, duration_ms)
