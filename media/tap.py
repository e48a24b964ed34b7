"""What one leg says, as arrays, for whoever listens on the box."""

from collections.abc import Callable

from media.audio import Audio
from media.native._engine import NativeTap


class Tap:
    """Audio of a leg since the last read. A reader that comes too late loses the newest part."""

    def __init__(self, native: NativeTap, close: Callable[[], None]) -> None:
        self._native = native
        self._close = close

    def read(self) -> list[Audio]:
        return self._native.read()

    @property
    def lost(self) -> int:
        """Samples there was no room for."""
        return self._native.lost

    def close(self) -> None:
        self._close()
