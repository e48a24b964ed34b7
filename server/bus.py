"""Hands every published event to those who asked for its type, at once and in order."""

import logging
from collections.abc import Callable
from typing import Any, TypeVar

log = logging.getLogger(__name__)

E = TypeVar("E")


class EventBus:
    """Synchronous: a handler only enqueues or updates memory, it never waits."""

    def __init__(self) -> None:
        self._by_type: dict[type, list[Callable[[Any], None]]] = {}
        self._every: list[Callable[[Any], None]] = []

    def subscribe(self, event_type: type[E], handler: Callable[[E], None]) -> None:
        self._by_type.setdefault(event_type, []).append(handler)

    def subscribe_every(self, handler: Callable[[Any], None]) -> None:
        """Have every event, of whatever type: the journal and the live feed."""
        self._every.append(handler)

    def publish(self, event: object) -> None:
        """Tell everybody; one handler's failure is logged and costs the others nothing."""
        for handler in (*self._by_type.get(type(event), ()), *self._every):
            try:
                handler(event)
            except Exception:
                log.exception("event handler failed", extra={"event": type(event).__name__})
