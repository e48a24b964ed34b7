"""An IVR flow as a document: read from JSON, checked as a whole, and described by a schema."""

import difflib
import json
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from routing.ivr.nodes import Flow, HoursNode, Node, Prompt, interpolated, name_key

__all__ = [
    "Flow",
    "FlowError",
    "Prompt",
    "Shared",
    "calendars_named",
    "flow_schema",
    "interpolated",
    "name_key",
    "parse_flow",
    "sounds_named",
]

_MOST_MESSAGES = 20
_KINDS = [model.model_fields["kind"].default for model in get_args(get_args(Node)[0])]


class FlowError(ValueError):
    """The document is no valid flow; `messages` say where and what, each in one line."""

    code = "invalid_flow"

    def __init__(self, messages: list[str]) -> None:
        super().__init__("; ".join(messages))
        self.messages = messages


_FLOW = TypeAdapter(Flow)


@dataclass(frozen=True, slots=True)
class Shared:
    """Names of what flows of a tenant may use besides their own parts."""

    calendars: Collection[str] = ()
    sounds: Collection[str] = ()


def parse_flow(document: object, shared: Shared | None = None) -> Flow:
    """Check a document, as decoded from JSON; names outside of it only against `shared`.

    Raises FlowError.
    """
    try:
        # Through JSON: strict rules then take lists for tuples and text for dates, nothing else.
        flow = _FLOW.validate_json(json.dumps(document, allow_nan=False))
    except ValidationError as error:
        findings = [_finding(e) for e in error.errors(include_url=False, include_input=False)]
        raise FlowError(findings[:_MOST_MESSAGES]) from None
    except (TypeError, ValueError, RecursionError):
        raise FlowError(["flow: not a JSON document"]) from None
    # A broken exit leaves nodes unreached and loops open: what follows from it is no news.
    messages = [*_broken_exits(flow)]
    if shared is not None:
        messages += [*_missing_calendars(flow, shared), *_missing_sounds(flow, shared)]
    messages = messages or [*_unreached(flow), *_endless_loops(flow)]
    if messages:
        raise FlowError(messages[:_MOST_MESSAGES])
    return flow


def flow_schema() -> dict[str, Any]:
    """The JSON schema of a flow document."""
    return _FLOW.json_schema()


def _broken_exits(flow: Flow) -> Iterator[str]:
    if flow.start not in flow.nodes:
        yield f"start: there is no node {flow.start!r}{_suggestion(flow, flow.start)}"
    for name, node in flow.nodes.items():
        for field, target in node.targets():
            if target not in flow.nodes:
                suggestion = _suggestion(flow, target)
                yield f"node {name!r}, {field}: there is no node {target!r}{suggestion}"


def _unreached(flow: Flow) -> Iterator[str]:
    for name in sorted(flow.nodes.keys() - _reached(flow)):
        yield f"node {name!r}: nothing leads here"


def _reached(flow: Flow) -> set[str]:
    reached, ahead = set[str](), [flow.start]
    while ahead:
        name = ahead.pop()
        if name not in reached:
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


def calendars_named(flow: Flow) -> Iterator[tuple[str, str]]:
    """Nodes that name a calendar which is not the flow's own, with its name."""
    for node_name, node in flow.nodes.items():
        wanted = node.calendar if isinstance(node, HoursNode) else None
        if wanted is not None and wanted not in flow.calendars:
            yield node_name, wanted


def sounds_named(flow: Flow) -> Iterator[tuple[str, str, str]]:
    """Nodes that name a sound: with the field it stands in, and its name."""
    for node_name, node in flow.nodes.items():
        for field in ("prompts", "silent_prompts", "invalid_prompts"):
            prompts: tuple[Prompt, ...] = getattr(node, field, ())
            for at, prompt in enumerate(prompts):
                if prompt.sound is not None:
                    yield node_name, f"{field}.{at}.sound", prompt.sound


def _missing_calendars(flow: Flow, shared: Shared) -> Iterator[str]:
    known = {name_key(name) for name in shared.calendars}
    for node, wanted in calendars_named(flow):
        if name_key(wanted) not in known:
            hint = _did_you_mean(wanted, {*flow.calendars, *shared.calendars})
            yield f"node {node!r}, calendar: there is no calendar {wanted!r}{hint}"


def _missing_sounds(flow: Flow, shared: Shared) -> Iterator[str]:
    known = {name_key(name) for name in shared.sounds}
    for node, field, wanted in sounds_named(flow):
        if name_key(wanted) not in known:
            hint = _did_you_mean(wanted, shared.sounds)
            yield f"node {node!r}, {field}: there is no sound {wanted!r}{hint}"


def _suggestion(flow: Flow, name: str) -> str:
    return _did_you_mean(name, flow.nodes)


def _did_you_mean(name: str, known: Iterable[str]) -> str:
    nearest = difflib.get_close_matches(name, sorted(known), n=1)
    return f"; did you mean {nearest[0]!r}?" if nearest else ""


def _finding(error: ErrorDetails) -> str:
    """pydantic's finding with the node and the field as the author of the flow knows them."""
    place = [str(part) for part in error["loc"]]
    message = _plain(error)
    if place[:1] == ["nodes"] and len(place) > 1:
        # The kind stands between node and field where it chose the model.
        fields = ".".join(part for part in place[3:] if part != "[key]")
        where = f"node {place[1]!r}" + (f", {fields}" if fields else "")
    else:
        where = ".".join(place) or "flow"
    return f"{where}: {message}"


def _plain(error: ErrorDetails) -> str:
    context = error.get("ctx", {})
    if error["type"] == "missing":
        return "is missing"
    if error["type"] == "extra_forbidden":
        return "there is no such field"
    if error["type"] == "union_tag_not_found":
        return "the field 'kind' is missing"
    if error["type"] == "union_tag_invalid":
        tag = context["tag"]
        return f"there is no kind of node {tag!r}{_did_you_mean(tag, _KINDS)}"
    return error["msg"].removeprefix("Value error, ")
