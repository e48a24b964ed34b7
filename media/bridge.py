"""Legs that hear each other."""

import asyncio
import math

from media.errors import MediaError
from media.leg import MediaLeg
from media.native._engine import NativeBridge
from media.orders import EngineAccess, orders

_UNITY = 256
_MOST_GAIN = 32_767


class MediaBridge:
    """Legs that hear each other, as the gain matrix says."""

    def __init__(self, engine: EngineAccess, native: NativeBridge) -> None:
        self._engine = engine
        self.native = native
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._closing = False

    def add(self, leg: MediaLeg, *, silent: bool = False) -> None:
        """Let the leg hear everybody and be heard, unless it is closing.

        `silent` leaves both to `set_gain`. Raises MediaError for one of another shard: legs that
        may meet are opened `near` each other.
        """
        if leg.native.shard != self.native.shard:
            raise MediaError("a leg of another media thread cannot join this bridge")
        if self._closing or leg.is_closing:
            return
        with orders():
            self._engine.native.join(self.native, leg.native, silent)

    def remove(self, leg: MediaLeg) -> None:
        if not self._closing and not leg.is_closing:
            with orders():
                self._engine.native.part(self.native, leg.native)

    def set_gain(self, source: MediaLeg, listener: MediaLeg, gain_db: float) -> None:
        """How loud `listener` hears `source`; minus infinity is not at all. A leg does not hear
        itself unless it is told to."""
        if self._closing or source.is_closing or listener.is_closing:
            return
        factor = 0.0 if gain_db == -math.inf else 10 ** (gain_db / 20)
        with orders():
            self._engine.native.set_gain(
                self.native, listener.native, source.native, min(_MOST_GAIN, round(factor * _UNITY))
            )

    async def close(self) -> None:
        """End the bridge; its legs go on alone."""
        if not self._closing:
            if self._engine.is_running:
                with orders():
                    self._engine.native.remove_bridge(self.native)
            self._closing = True
        await asyncio.shield(self.closed)

    def release(self) -> None:
        self._closing = True
        if not self.closed.done():
            self.closed.set_result(None)
