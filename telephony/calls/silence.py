"""How long a party has said nothing: measured on what its leg hears, some times a second."""

import asyncio
from types import TracebackType
from typing import TYPE_CHECKING, Self

import numpy as np

from media.audio import SAMPLE_RATE, Audio
from media.engine import MediaEngine, MediaLeg

if TYPE_CHECKING:
    from media.tap import Tap

_QUIETEST_SOUND = 300
"""Mean magnitude of 100 ms above which somebody speaks: -41 dB of full scale. A quiet room on a
telephone stays below 100, a soft voice is above 600."""
_WINDOW = SAMPLE_RATE // 10


class Silence:
    """Listens between entering and leaving the context."""

    def __init__(self, engine: MediaEngine, leg: MediaLeg) -> None:
        self._engine = engine
        self._leg = leg
        self._tap: Tap | None = None
        self._loop = asyncio.get_running_loop()
        self._heard_at = self._loop.time()

    async def __aenter__(self) -> Self:
        self._tap = self._engine.tap(self._leg)
        self._heard_at = self._loop.time()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        if self._tap is not None:
            self._tap.close()

    def seconds(self) -> float:
        """How long it has been quiet, as far as was heard until now."""
        assert self._tap is not None, "enter it first"
        if any(_is_sound(piece) for piece in self._tap.read()):
            self._heard_at = self._loop.time()
        return self._loop.time() - self._heard_at


def _is_sound(audio: Audio) -> bool:
    """Whether any tenth of a second of it is louder than a quiet line."""
    whole = len(audio) // _WINDOW * _WINDOW
    pieces = np.abs(audio[:whole].astype(np.int32)).reshape(-1, _WINDOW)
    rest = np.abs(audio[whole:].astype(np.int32))
    loudest = max(pieces.mean(axis=1).max(initial=0), rest.sum() / _WINDOW)
    return bool(loudest >= _QUIETEST_SOUND)
