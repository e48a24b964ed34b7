"""An IVR flow as a document: typed nodes with named exits, and what makes one valid."""

import difflib
import re
from collections.abc import Iterator, Mapping
from datetime import date, time
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from routing.calendars import WEEKDAYS, Calendar, Span

NodeName = Annotated[str, Field(min_length=1, max_length=60, pattern=r"^[A-Za-z0-9_-]+$")]
VariableName = Annotated[str, Field(min_length=1, max_length=40, pattern=r"^[a-z][a-z0-9_]*$")]
Digit = Literal["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "*", "#"]
Seconds = Annotated[float, Field(gt=0, le=3_600)]
Text = Annotated[str, Field(min_length=1, max_length=1_000)]

_VARIABLE = re.compile(r"\{([a-z][a-z0-9_]*)\}")
_MOST_NODES = 500


class FlowError(ValueError):
    """The document is no valid flow; `messages` say where and what, each in one line."""

    def __init__(self, messages: list[str]) -> None:
        super().__init__("; ".join(messages))
        self.messages = messages


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Prompt(_Part):
    """Something to be heard: text to be spoken, or a file by its name."""

    say: Text | None = None
    """May name variables, as in `You are calling from {caller}`."""
    file: Annotated[str, Field(min_length=1, max_length=200)] | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> "Prompt":
        if (self.say is None) == (self.file is None):
            raise ValueError("a prompt has either 'say' or 'file'")
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
    """How many silent, and how many wrong, answers lead to `timeout` and `invalid`."""
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
    equals: str | None = None
    starts_with: str | None = None
    one_of: tuple[str, ...] | None = None
    exists: bool | None = None
    """True: it has a value that is not empty."""
    greater_than: float | None = None
    next: NodeName

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
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"there is no time zone {name!r}") from None
    return name


class HoursNode(_Node):
    kind: Literal["hours"] = "hours"
    zone: Annotated[str, Field(max_length=60), AfterValidator(_known_zone)] = "UTC"
    weekly: dict[
        Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"],
        Annotated[
            tuple[Annotated[str, Field(pattern=r"^\d\d:\d\d-\d\d:\d\d$")], ...],
            Field(max_length=10),
        ],
    ]
    """Spans such as `09:00-17:30` for each day that has any; 24:00 is written `00:00`."""
    holidays: Annotated[tuple[date, ...], Field(max_length=500)] = ()
    open: NodeName
    closed: NodeName

    @model_validator(mode="after")
    def _readable(self) -> "HoursNode":
        self.calendar()
        return self

    def calendar(self) -> Calendar:
        spans = tuple(
            _span(WEEKDAYS.index(day), text) for day, texts in self.weekly.items() for text in texts
        )
        return Calendar(ZoneInfo(self.zone), spans, frozenset(self.holidays))

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
    """After max_wait_seconds; without it, the call ends."""
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


_FLOW = TypeAdapter(Flow)


def parse_flow(document: object) -> Flow:
    """Check a document, as decoded from JSON. Raises FlowError."""
    try:
        flow = _FLOW.validate_python(document)
    except ValidationError as error:
        raise FlowError([_finding(e) for e in error.errors(include_url=False)][:20]) from None
    messages = [*_broken_exits(flow), *_endless_loops(flow)]
    if messages:
        raise FlowError(messages)
    return flow


def flow_schema() -> dict[str, Any]:
    """The JSON schema of a flow document."""
    return _FLOW.json_schema()


def interpolated(text: str, variables: Mapping[str, str]) -> str:
    """`{name}` replaced by the variable's value; an unknown one is empty."""
    return _VARIABLE.sub(lambda found: variables.get(found[1], ""), text)


def _broken_exits(flow: Flow) -> Iterator[str]:
    if flow.start not in flow.nodes:
        yield f"start: there is no node {flow.start!r}{_suggestion(flow, flow.start)}"
        return
    for name, node in flow.nodes.items():
        for field, target in node.targets():
            if target not in flow.nodes:
                suggestion = _suggestion(flow, target)
                yield f"node {name!r}, {field}: there is no node {target!r}{suggestion}"
    unreached = flow.nodes.keys() - _reached(flow)
    for name in sorted(unreached):
        yield f"node {name!r}: nothing leads here"


def _reached(flow: Flow) -> set[str]:
    reached, ahead = set[str](), [flow.start]
    while ahead:
        name = ahead.pop()
        if name in flow.nodes and name not in reached:
            reached.add(name)
            ahead += [target for _, target in flow.nodes[name].targets()]
    return reached


def _endless_loops(flow: Flow) -> Iterator[str]:
    """Nodes in which no time passes must not lead back to themselves."""
    instant = {n for n, node in flow.nodes.items() if node.kind in ("set", "branch", "hours")}
    for name in sorted(instant):
        ahead, seen = [t for _, t in flow.nodes[name].targets()], set[str]()
        while ahead:
            target = ahead.pop()
            if target == name:
                yield f"node {name!r}: leads back to itself without the caller being asked"
                break
            if target in instant and target not in seen:
                seen.add(target)
                ahead += [t for _, t in flow.nodes[target].targets()]


def _suggestion(flow: Flow, name: str) -> str:
    nearest = difflib.get_close_matches(name, sorted(flow.nodes), n=1)
    return f"; did you mean {nearest[0]!r}?" if nearest else ""


def _finding(error: Any) -> str:
    """pydantic's finding with the node and the field as the author of the flow knows them."""
    place = [str(part) for part in error["loc"]]
    message = error["msg"].removeprefix("Value error, ")
    if place[:1] == ["nodes"] and len(place) > 1:
        # The kind stands between node and field where it chose the model.
        fields = ".".join(place[3:] if len(place) > 3 else place[2:])
        where = f"node {place[1]!r}" + (f", {fields}" if fields else "")
    else:
        where = ".".join(place) or "flow"
    return f"{where}: {message}"


def _span(weekday: int, text: str) -> Span:
    opens, closes = (_clock(part) for part in text.split("-"))
    if closes != time(0) and closes <= opens:
        raise ValueError(f"{text!r} ends before it begins")
    return Span(weekday, opens, closes)


def _clock(text: str) -> time:
    hours, minutes = int(text[:2]), int(text[3:])
    if hours > 23 or minutes > 59:
        raise ValueError(f"{text!r} is no time of day")
    return time(hours, minutes)


def _is_greater(value: str, limit: float) -> bool:
    try:
        return float(value) > limit
    except ValueError:
        return False
