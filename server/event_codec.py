"""Domain events as JSON: one envelope for the journal, the timeline and the live feed."""

import json
from dataclasses import dataclass, fields
from typing import Any, get_args

from pydantic import TypeAdapter, ValidationError

from routing.events import RoutingEvent
from telephony.events import TelephonyEvent

Event = TelephonyEvent | RoutingEvent

EVENT_TYPES: dict[str, type] = {
    cls.__name__: cls for cls in (*get_args(TelephonyEvent), *get_args(RoutingEvent))
}
_ADAPTERS: dict[type, TypeAdapter[Any]] = {cls: TypeAdapter(cls) for cls in EVENT_TYPES.values()}
_CALL_FIELD: dict[type, str | None] = {
    cls: next((f.name for f in fields(cls) if f.name in ("call_id", "work_id")), None)
    for cls in EVENT_TYPES.values()
}


class UndecodableEvent(ValueError):
    """The text is not an event that this version of the server knows."""


@dataclass(frozen=True, slots=True)
class EncodedEvent:
    """One event on its way out: its name, and its fields as a JSON object."""

    name: str
    data: bytes

    @property
    def line(self) -> bytes:
        return b'{"type":"%b","data":%b}\n' % (self.name.encode(), self.data)


def encode(event: Event) -> EncodedEvent:
    return EncodedEvent(type(event).__name__, _ADAPTERS[type(event)].dump_json(event))


def decode(line: bytes) -> Event:
    """Read one line of `EncodedEvent.line`.

    Raises UndecodableEvent for anything else, such as the torn last line of a crashed process.
    """
    try:
        envelope = json.loads(line)
        adapter = _ADAPTERS[EVENT_TYPES[envelope["type"]]]
        # JSON knows neither UUIDs nor times: strictness is left to the types' own parsers.
        event: Event = adapter.validate_json(json.dumps(envelope["data"]))
    except (ValueError, KeyError, TypeError, ValidationError) as error:
        raise UndecodableEvent(str(error)[:200]) from error
    return event


def call_of(event: Event) -> Any:
    """The id of the call the event belongs to, or None; a voice work item has its call's id."""
    name = _CALL_FIELD[type(event)]
    return getattr(event, name) if name else None


def schemas() -> dict[str, Any]:
    """JSON schema of every event by name, for the API document."""
    return {
        name: _ADAPTERS[cls].json_schema(ref_template="#/components/schemas/{model}")
        for name, cls in sorted(EVENT_TYPES.items())
    }
