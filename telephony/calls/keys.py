"""What the keys of a desk phone do in a talk, for those who have no buttons on a screen.

An agent presses `*1` and a number to pass the other one on, `*2` and a number to ask somebody
first; then `*1` goes back, `*2` completes the transfer, `*3` lets all three talk, `*4` changes
between the two. A supervisor presses `4` to listen, `5` to whisper, `6` to join.
"""

import asyncio
from collections.abc import Callable

from telephony.calls import handling
from telephony.calls.audibility import Mode
from telephony.calls.call import Call
from telephony.calls.conversation import Conversation
from telephony.calls.party import Party
from telephony.calls.sound import spoken
from telephony.errors import NotPossible, UnknownTarget
from telephony.events import LegRole

MODES = {"4": Mode.LISTEN, "5": Mode.WHISPER, "6": Mode.BARGE}
_CODE_SECONDS = 1.0
"""How long a star waits for what comes after it; alone it is the other one's."""
_NUMBER_SECONDS = 4.0
"""After so long without a key, or after a hash, the number is complete."""
_LONGEST_NUMBER = 30
_KEPT = 64
_ASKING: dict[str, Callable[[Call, Party], None]] = {
    "1": handling.cancel,
    "2": handling.complete,
    "3": handling.conference,
    "4": handling.swap,
}
Key = tuple[str, int]
"""A digit, and its length in ms."""


class PhoneKeys:
    """Takes the keys of one talk before the others hear them."""

    def __init__(self, call: Call, conversation: Conversation) -> None:
        self._call = call
        self._conversation = conversation
        self._pressed: dict[Party, asyncio.Queue[Key]] = {}
        """Of whoever is in the middle of a code."""

    def press(self, party: Party, digit: str, duration_ms: int) -> bool:
        """Whether the key was for us, and not for whom the party talks with."""
        if party.role is LegRole.SUPERVISOR:
            return self._change_mode(party, digit)
        if (pressed := self._pressed.get(party)) is not None:
            if not pressed.full():
                pressed.put_nowait((digit, duration_ms))
            return True
        if digit != "*" or not self._may_use_codes(party):
            return False
        pressed = self._pressed[party] = asyncio.Queue(_KEPT)
        taking = self._take_code(party, pressed, (digit, duration_ms))
        task = self._call.side_tasks.start(taking, name=f"keys of {party.id}")
        # Else half a number would be dialled in the party's next talk.
        self._conversation.ending.add_done_callback(lambda _: task.cancel())
        return True

    def _may_use_codes(self, party: Party) -> bool:
        """Never a caller from outside; and browsers have buttons, and keys for the other one."""
        between = party in self._conversation.between
        return between and party.agent_id is not None and not party.in_browser

    def _change_mode(self, party: Party, digit: str) -> bool:
        member = self._conversation.member(party)
        mode = MODES.get(digit)
        if mode is None or member.follows is None:
            return member.is_observer
        if self._conversation.ending.done():
            return True
        handling.change_mode(self._call, party, mode, member.follows)
        return True

    async def _take_code(self, party: Party, pressed: asyncio.Queue[Key], star: Key) -> None:
        try:
            second = await _next(pressed, _CODE_SECONDS)
            if self._conversation.ending.done():
                return
            is_asking = self._conversation.asker is party
            if second is not None and is_asking and second[0] in _ASKING:
                _ASKING[second[0]](self._call, party)
            elif second is not None and not is_asking and second[0] in "12":
                await self._dial(party, pressed, is_first_asked=second[0] == "2")
            else:
                for digit, duration_ms in filter(None, (star, second)):
                    self._conversation.pass_digit(party, digit, duration_ms)
        except (NotPossible, UnknownTarget):
            await self._say(party, "That is not possible now.")
        finally:
            del self._pressed[party]

    async def _dial(
        self, party: Party, pressed: asyncio.Queue[Key], *, is_first_asked: bool
    ) -> None:
        """The other one hears music until the number is complete."""
        talk = self._conversation
        talk.hold(party, held=True, by="keys")
        try:
            prompt = await spoken(self._call, "Please dial the number.")
            if prompt is not None:
                party.media.play(prompt)
            number = await self._number(party, pressed)
            if number:
                if is_first_asked:
                    handling.consult(self._call, party, number)
                else:
                    handling.pass_on(self._call, party, to=number)
        except (NotPossible, UnknownTarget):
            await self._say(party, "That number cannot be reached.")
        finally:
            if party in talk:
                talk.hold(party, held=False, by="keys")

    async def _number(self, party: Party, pressed: asyncio.Queue[Key]) -> str:
        number = ""
        while len(number) < _LONGEST_NUMBER:
            key = await _next(pressed, _NUMBER_SECONDS if number else 2 * _NUMBER_SECONDS)
            party.media.stop_playing()
            if key is None or key[0] == "#":
                break
            number += key[0]
        return number

    async def _say(self, party: Party, text: str) -> None:
        if party in self._conversation and (audio := await spoken(self._call, text)) is not None:
            await party.media.play(audio).finished()


async def _next(pressed: asyncio.Queue[Key], seconds: float) -> Key | None:
    try:
        async with asyncio.timeout(seconds):
            return await pressed.get()
    except TimeoutError:
        return None
