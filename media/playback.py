"""What becomes of a prompt or music that is played to a leg."""

import asyncio

from media.audio import Audio


class Playback:
    """One array being played to one leg."""

    def __init__(self, audio: Audio) -> None:
        self.audio = audio  # the engine reads it where it is, so it is kept
        self._done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self.played_ms = 0
        """How much was sent; known when it has finished."""

    async def finished(self) -> bool:
        """True when every frame was sent, False when it was cut short."""
        return await asyncio.shield(self._done)

    @property
    def is_over(self) -> bool:
        return self._done.done()

    def end(self, frames: int, *, complete: bool) -> None:
        self.played_ms = frames * 20
        if not self._done.done():
            self._done.set_result(complete)
