"""The parts of an IVR flow: prompts, and typed nodes with named exits."""

import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    model_validator,
)

from routing.calendars import WEEKDAYS, Calendar, Span, clock_of, zone_of

NodeName = Annotated[str, Field(min_length=1, max_length=60, pattern=r"^[A-Za-z0-9_-]+$")]
VariableName = Annotated[str, Field(min_length=1, max_length=40, pattern=r"^[a-z][a-z0-9_]*$")]
Digit = Literal["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "*", "#"]
Seconds = Annotated[float, Field(gt=0, le=3_600)]
Text = Annotated[str, Field(min_length=1, max_length=1_000)]
Value = Annotated[str, Field(max_length=500)]

_VARIABLE = re.compile(r"\{([a-z][a-z0-9_]*)\}")
_MOST_NODES = 500


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Prompt(_Part):
    """Something to be heard: text to be spoken, or a sound or file by its name."""

    say: Text | None = None
    """May name variables, as in `You are calling from {caller}`."""
    sound: Annotated[str, Field(min_length=1, max_length=80)] | None = None
    """One of the tenant's sounds."""
    file: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    """A file that somebody put into the server's folder for prompts."""

    @model_validator(mode="after")
    def _one_of_them(self) -> "Prompt":
        if [self.say, self.sound, self.file].count(None) != 2:
            raise ValueError("a prompt has either 'say' or 'sound' or 'file'")
        return self

    def with_values(self, variables: Mapping[str, str]) -> "Prompt":
        if self.say is None or "{" not in self.say:
            return self
        return Prompt(say=interpolated(self.say, variables)[:1_000] or " ")


Prompts = Annotated[tuple[Prompt, ...], Field(max_length=20)]


class _Node(_Part):
    note: Annotated[str, Field(max_length=500)] = ""
    """For people; the caller hears nothing of it."""

    def targets(self) -> Iterator[tuple[str, str]]:
        """Every exit: the field it stands in, and the node it leads to."""
        return iter(())


class PlayNode(_Node):
    kind: Literal["play"] = "play"
    prompts: Annotated[tuple[Prompt, ...], Field(min_length=1, max_length=20)]
    barge_in: bool = False
    """Whether a key ends the prompt."""
    next: NodeName

    def targets(self) -> Iterator[tuple[str, str]]:
        yield "next", self.next


class MenuNode(_Node):
    kind: Literal["menu"] = "menu"
    prompts: Annotated[tuple[Prompt, ...], Field(min_length=1, max_length=20)]
    choices: Annotated[dict[Digit, NodeName], Field(min_length=1)]
    tries: Annotated[int, Field(ge=1, le=10)] = 3
    """So many silent answers lead to `timeout`, so many wrong ones to `invalid`."""
    total_tries: Annotated[int, Field(ge=1, le=20)] | None = None
    """So many of both kinds together lead to the exit of the last one."""
    first_digit_seconds: Seconds = 5.0
    barge_in: bool = True
    silent_prompts: Prompts = ()
    """Heard after a silent try, before the menu's own prompts."""
    invalid_prompts: Prompts = (Prompt(say="Sorry, that is not one of the choices."),)
    timeout: NodeName
    invalid: NodeName

    def targets(self) -> Iterator[tuple[str, str]]:
        for digit, target in self.choices.items():
            yield f"choices.{digit}", target
        yield "timeout", self.timeout
        yield "invalid", self.invalid


class GatherNode(_Node):
    kind: Literal["gather"] = "gather"
    prompts: Prompts = ()
    variable: VariableName
    min_digits: Annotated[int, Field(ge=1, le=40)] = 1
    max_digits: Annotated[int, Field(ge=1, le=40)] = 20
    terminator: Literal["#", "*", ""] = "#"
    first_digit_seconds: Seconds = 5.0
    inter_digit_seconds: Seconds = 3.0
    tries: Annotated[int, Field(ge=1, le=10)] = 3
    barge_in: bool = True
    silent_prompts: Prompts = ()
    invalid_prompts: Prompts = (Prompt(say="Sorry, that was not complete."),)
    next: NodeName
    timeout: NodeName
    invalid: NodeName

    @model_validator(mode="after")
    def _in_order(self) -> "GatherNode":
        if self.min_digits > self.max_digits:
            raise ValueError("min_digits is more than max_digits")
        return self

    def targets(self) -> Iterator[tuple[str, str]]:
        yield "next", self.next
        yield "timeout", self.timeout
        yield "invalid", self.invalid


class SetNode(_Node):
    kind: Literal["set"] = "set"
    variables: Annotated[
        dict[VariableName, Annotated[str, Field(max_length=1_000)]],
        Field(min_length=1, max_length=50),
    ]
    next: NodeName

    def targets(self) -> Iterator[tuple[str, str]]:
        yield "next", self.next


class Condition(_Part):
    """True when every comparison given holds for the variable."""

    variable: VariableName
    equals: Value | None = None
    starts_with: Value | None = None
    one_of: Annotated[tuple[Value, ...], Field(max_length=1_000)] | None = None
    exists: bool | None = None
    """True: it has a value that is not empty."""
    greater_than: float | None = None
    next: NodeName

    @model_validator(mode="after")
    def _compares_something(self) -> "Condition":
        given = (self.equals, self.starts_with, self.one_of, self.exists, self.greater_than)
        if all(comparison is None for comparison in given):
            raise ValueError("the condition compares the variable with nothing")
        return self

    def holds(self, variables: Mapping[str, str]) -> bool:
        value = variables.get(self.variable, "")
        checks = (
            self.equals is None or value == self.equals,
            self.starts_with is None or value.startswith(self.starts_with),
            self.one_of is None or value in self.one_of,
            self.exists is None or bool(value) is self.exists,
            self.greater_than is None or _is_greater(value, self.greater_than),
        )
        return all(checks)


class BranchNode(_Node):
    kind: Literal["branch"] = "branch"
    conditions: Annotated[tuple[Condition, ...], Field(min_length=1, max_length=50)]
    """The first one that holds decides."""
    otherwise: NodeName

    def targets(self) -> Iterator[tuple[str, str]]:
        for at, condition in enumerate(self.conditions):
            yield f"conditions.{at}.next", condition.next
        yield "otherwise", self.otherwise


def _known_zone(name: str) -> str:
    zone_of(name)
    return name


def _readable_span(text: str) -> str:
    _span(0, text)
    return text


Zone = Annotated[str, Field(max_length=60), AfterValidator(_known_zone)]
Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
SpanText = Annotated[str, Field(pattern=r"^\d\d:\d\d-\d\d:\d\d$"), AfterValidator(_readable_span)]
Spans = Annotated[tuple[SpanText, ...], Field(max_length=10)]
Holidays = Annotated[tuple[date, ...], Field(max_length=500)]


class Hours(_Part):
    """Opening hours of the week."""

    zone: Zone = "UTC"
    weekly: dict[Weekday, Spans]
    """Spans such as `09:00-17:30` for each day that has any; 24:00 is written `00:00`."""
    holidays: Holidays = ()
    """Days that are closed."""

    def calendar(self) -> Calendar:
        spans = tuple(
            _span(WEEKDAYS.index(day), text) for day, texts in self.weekly.items() for text in texts
        )
        return Calendar(zone_of(self.zone), spans, dict.fromkeys(self.holidays, ()))


class HoursNode(_Node):
    """Open or closed, by a calendar or by hours of its own."""

    kind: Literal["hours"] = "hours"
    calendar: Annotated[str, Field(min_length=1, max_length=80)] | None = None
    """One of the flow's own, or else of the tenant's."""
    zone: Zone = "UTC"
    weekly: dict[Weekday, Spans] | None = None
    holidays: Holidays = ()
    open: NodeName
    closed: NodeName

    @model_validator(mode="after")
    def _one_source(self) -> "HoursNode":
        if (self.calendar is None) == (self.weekly is None):
            raise ValueError("give either 'calendar' or 'weekly'")
        if self.calendar and (
            "zone" in self.model_fields_set or "holidays" in self.model_fields_set
        ):
            raise ValueError("'zone' and 'holidays' stand in the calendar")
        return self

    def own_hours(self) -> Hours:
        return Hours(zone=self.zone, weekly=self.weekly or {}, holidays=self.holidays)

    def targets(self) -> Iterator[tuple[str, str]]:
        yield "open", self.open
        yield "closed", self.closed


class QueueNode(_Node):
    """The caller waits for an agent; when they have talked, the flow is over."""

    kind: Literal["queue"] = "queue"
    queue: Annotated[str, Field(min_length=1, max_length=80)]
    priority: Annotated[int, Field(ge=-100, le=100)] = 0
    max_wait_seconds: Annotated[float, Field(gt=0, le=86_400)] | None = None
    timeout: NodeName | None = None
    """After max_wait_seconds, and for a reason that has no exit here; without it, the call ends."""
    no_agents: NodeName | None = None
    """Nobody who serves the queue is logged in; without it, the caller waits all the same."""
    full: NodeName | None = None

    @model_validator(mode="after")
    def _exit_for_the_limit(self) -> "QueueNode":
        if self.max_wait_seconds is not None and self.timeout is None:
            raise ValueError("max_wait_seconds needs the exit 'timeout'")
        return self

    def targets(self) -> Iterator[tuple[str, str]]:
        for name in ("timeout", "no_agents", "full"):
            target = getattr(self, name)
            if target is not None:
                yield name, target


class TransferNode(_Node):
    kind: Literal["transfer"] = "transfer"
    target: Text
    """An extension or number; may name variables."""
    ring_seconds: Annotated[float, Field(gt=0, le=300)] = 30.0
    failed: NodeName

    def targets(self) -> Iterator[tuple[str, str]]:
        yield "failed", self.failed


class VoicemailNode(_Node):
    kind: Literal["voicemail"] = "voicemail"
    mailbox: Annotated[str, Field(min_length=1, max_length=80)]
    prompts: Prompts = ()
    max_seconds: Annotated[float, Field(ge=1, le=1_800)] = 120.0
    silence_seconds: Annotated[float, Field(ge=2, le=60)] = 8.0
    """A message ends by itself when nothing was heard for so long."""
    next: NodeName

    def targets(self) -> Iterator[tuple[str, str]]:
        yield "next", self.next


class EchoNode(_Node):
    """The caller hears the own voice, to test the line."""

    kind: Literal["echo"] = "echo"
    prompts: Prompts = ()
    max_seconds: Annotated[float, Field(ge=1, le=3_600)] = 300.0
    next: NodeName

    def targets(self) -> Iterator[tuple[str, str]]:
        yield "next", self.next


class HangupNode(_Node):
    kind: Literal["hangup"] = "hangup"
    prompts: Prompts = ()


Node = Annotated[
    PlayNode
    | MenuNode
    | GatherNode
    | SetNode
    | BranchNode
    | HoursNode
    | QueueNode
    | TransferNode
    | VoicemailNode
    | EchoNode
    | HangupNode,
    Field(discriminator="kind"),
]


class Flow(_Part):
    name: Annotated[str, Field(min_length=1, max_length=80)]
    start: NodeName
    nodes: Annotated[dict[NodeName, Node], Field(min_length=1, max_length=_MOST_NODES)]
    calendars: Annotated[dict[NodeName, Hours], Field(max_length=50)] = {}
    """Opening hours by name, for nodes of kind `hours`."""

    def opening_hours(self, node: HoursNode, shared: Mapping[str, Calendar]) -> Calendar | None:
        """`shared` are the tenant's calendars by `name_key`; None when there is none so named."""
        if node.calendar is None:
            return node.own_hours().calendar()
        own = self.calendars.get(node.calendar)
        return shared.get(name_key(node.calendar)) if own is None else own.calendar()


def name_key(name: str) -> str:
    """By this calendars, sounds and queues are told apart."""
    return name.casefold()


def interpolated(text: str, variables: Mapping[str, str]) -> str:
    """`{name}` replaced by the variable's value; an unknown one is empty."""
    return _VARIABLE.sub(lambda found: variables.get(found[1], ""), text)


def _span(weekday: int, text: str) -> Span:
    opens, closes = (clock_of(part) for part in text.split("-"))
    return Span(weekday, opens, closes)


def _is_greater(value: str, limit: float) -> bool:
    try:
        return float(value) > limit
    except ValueError:
        return False
