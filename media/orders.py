"""What legs and bridges need of the engine to give their orders to the media threads."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from media.errors import OverCapacity
from media.native._engine import NativeEngine, OrdersFull


class EngineAccess(Protocol):
    @property
    def is_running(self) -> bool: ...

    @property
    def native(self) -> NativeEngine:
        """Raises EngineStopped."""
        ...


@contextmanager
def orders() -> Iterator[None]:
    """Around every order: a full ring becomes an error of ours."""
    try:
        yield
    except OrdersFull as error:
        raise OverCapacity("the media thread does not keep up") from error
