import json
from typing import Any

import pytest

from routing.ivr.document import FlowError, Shared, flow_schema, interpolated, parse_flow

Document = dict[str, Any]
END = {"kind": "hangup"}
HELLO = [{"say": "Hello"}]


def flow(**nodes: Document) -> Document:
    """A flow that starts at its first node."""
    return {"name": "test", "start": next(iter(nodes), "none"), "nodes": nodes}


def play(following: str) -> Document:
    return {"kind": "play", "prompts": HELLO, "next": following}


def menu(**changes: Any) -> Document:
    base = {
        "kind": "menu",
        "prompts": HELLO,
        "choices": {"1": "end"},
        "timeout": "end",
        "invalid": "end",
    }
    return base | changes


def hours(**changes: Any) -> Document:
    return {"kind": "hours", "open": "end", "closed": "end"} | changes


def faults(document: object) -> list[str]:
    with pytest.raises(FlowError) as caught:
        parse_flow(document, Shared(calendars=["Main office"], sounds=["Welcome", "Closed"]))
    assert str(caught.value) == "; ".join(caught.value.messages)
    return caught.value.messages


def test_exit_to_a_node_that_is_not_there_names_the_nearest_one() -> None:
    document = flow(menu=menu(choices={"3": "sale", "1": "sales"}), sales=END, end=END)
    assert faults(document) == [
        "node 'menu', choices.3: there is no node 'sale'; did you mean 'sales'?"
    ]


def test_start_that_is_not_there_is_named() -> None:
    assert faults(flow(a=END) | {"start": "zzz"}) == ["start: there is no node 'zzz'"]


def test_every_broken_exit_of_every_kind_is_found() -> None:
    gone = "gone-away"
    document = flow(
        play=play(gone),
        menu=menu(choices={"1": gone}, timeout=gone, invalid=gone),
        gather={
            "kind": "gather",
            "variable": "pin",
            "next": gone,
            "timeout": gone,
            "invalid": gone,
        },
        set={"kind": "set", "variables": {"a": "b"}, "next": gone},
        branch={
            "kind": "branch",
            "conditions": [{"variable": "a", "exists": True, "next": gone}],
            "otherwise": gone,
        },
        hours=hours(weekly={}, open=gone, closed=gone),
        queue={"kind": "queue", "queue": "q", "timeout": gone, "no_agents": gone, "full": gone},
        transfer={"kind": "transfer", "target": "1", "failed": gone},
        voicemail={"kind": "voicemail", "mailbox": "m", "next": gone},
        echo={"kind": "echo", "next": gone},
    )
    places = [message.split(":")[0] for message in faults(document)]
    assert places == [
        "node 'play', next",
        "node 'menu', choices.1",
        "node 'menu', timeout",
        "node 'menu', invalid",
        "node 'gather', next",
        "node 'gather', timeout",
        "node 'gather', invalid",
        "node 'set', next",
        "node 'branch', conditions.0.next",
        "node 'branch', otherwise",
        "node 'hours', open",
        "node 'hours', closed",
        "node 'queue', timeout",
        "node 'queue', no_agents",
        "node 'queue', full",
        "node 'transfer', failed",
        "node 'voicemail', next",
        "node 'echo', next",
    ]


def test_node_that_nothing_leads_to_is_refused() -> None:
    assert faults(flow(a=play("b"), b=END, c=play("b"))) == ["node 'c': nothing leads here"]


def test_loop_in_which_nobody_is_asked_is_refused() -> None:
    setting = {"kind": "set", "variables": {"x": "1"}, "next": "b"}
    branch = {
        "kind": "branch",
        "conditions": [{"variable": "x", "equals": "1", "next": "a"}],
        "otherwise": "c",
    }
    document = flow(a=setting, b=branch, c=hours(weekly={}, open="a", closed="end"), end=END)
    assert faults(document) == [
        f"node {name!r}: leads back to itself without the caller being asked" for name in "abc"
    ]


def test_node_beside_a_loop_is_not_blamed_for_it() -> None:
    setting = {"kind": "set", "variables": {"x": "1"}}
    document = flow(a=setting | {"next": "b"}, b=setting | {"next": "b"})
    assert faults(document) == ["node 'b': leads back to itself without the caller being asked"]


def test_paths_that_meet_again_are_no_loop() -> None:
    branch = {
        "kind": "branch",
        "conditions": [{"variable": "x", "exists": True, "next": "b"}],
        "otherwise": "b",
    }
    setting = {"kind": "set", "variables": {"x": "1"}, "next": "end"}
    parse_flow(flow(a=branch, b=setting, end=END))


def test_menu_that_repeats_itself_is_fine() -> None:
    parse_flow(flow(menu=menu(choices={"9": "menu"}), end=END))


@pytest.mark.parametrize(
    ("node", "fault"),
    [
        ({"kind": "pley"}, "node 'a': there is no kind of node 'pley'; did you mean 'play'?"),
        ({"kind": "xyzzy"}, "node 'a': there is no kind of node 'xyzzy'"),
        ({}, "node 'a': the field 'kind' is missing"),
        (play("a") | {"nxt": "a"}, "node 'a', nxt: there is no such field"),
        ({"kind": "echo"}, "node 'a', next: is missing"),
        (menu(tries="3"), "node 'a', tries: Input should be a valid integer"),
        (
            menu(prompts=[{"say": "a", "file": "b"}]),
            "node 'a', prompts.0: a prompt has either 'say' or 'sound' or 'file'",
        ),
        (
            {"kind": "queue", "queue": "q", "max_wait_seconds": 9},
            "node 'a': max_wait_seconds needs the exit 'timeout'",
        ),
        (
            {
                "kind": "gather",
                "variable": "pin",
                "min_digits": 5,
                "max_digits": 4,
                "next": "a",
                "timeout": "a",
                "invalid": "a",
            },
            "node 'a': min_digits is more than max_digits",
        ),
        (
            {
                "kind": "branch",
                "conditions": [{"variable": "x", "next": "a"}],
                "otherwise": "a",
            },
            "node 'a', conditions.0: the condition compares the variable with nothing",
        ),
        (hours(), "node 'a': give either 'calendar' or 'weekly'"),
        (
            hours(calendar="c", zone="UTC"),
            "node 'a': 'zone' and 'holidays' stand in the calendar",
        ),
        (
            hours(calendar="c", holidays=["2026-12-25"]),
            "node 'a': 'zone' and 'holidays' stand in the calendar",
        ),
        (
            hours(weekly={}, zone="Mars/Olympus"),
            "node 'a', zone: there is no time zone 'Mars/Olympus'",
        ),
        (
            hours(weekly={}, zone="../../etc/passwd"),
            "node 'a', zone: there is no time zone '../../etc/passwd'",
        ),
        (
            hours(weekly={"monday": ["17:00-09:00"]}),
            "node 'a', weekly.monday.0: '17:00-09:00' ends before it begins",
        ),
        (
            hours(weekly={"monday": ["09:00-24:00"]}),
            "node 'a', weekly.monday.0: '24:00' is no time of day",
        ),
        (
            hours(weekly={"monday": ["09:00-10:60"]}),
            "node 'a', weekly.monday.0: '10:60' is no time of day",
        ),
    ],
)
def test_fault_in_a_node_names_the_node_and_the_field(node: Document, fault: str) -> None:
    assert fault in faults(flow(a=node))


def test_fault_outside_the_nodes_names_the_field() -> None:
    assert faults({"start": "a", "nodes": {"a": END}}) == ["name: is missing"]
    assert faults([]) == ["flow: Input should be an object"]


def test_calendar_that_is_not_there_names_the_nearest_one() -> None:
    document = flow(a=hours(calendar="ofice"), end=END)
    document["calendars"] = {"office": {"weekly": {}}}
    assert faults(document) == [
        "node 'a', calendar: there is no calendar 'ofice'; did you mean 'office'?"
    ]
    assert faults(flow(a=hours(calendar="Main ofice"), end=END)) == [
        "node 'a', calendar: there is no calendar 'Main ofice'; did you mean 'Main office'?"
    ]


def test_b08_sound_that_is_not_there_names_node_field_and_the_nearest_one() -> None:
    asks = menu(prompts=[{"sound": "welcome"}, {"sound": "closd"}])
    asks["invalid_prompts"] = [{"sound": "wrong"}]
    assert faults(flow(a=asks, end=END)) == [
        "node 'a', prompts.1.sound: there is no sound 'closd'; did you mean 'Closed'?",
        "node 'a', invalid_prompts.0.sound: there is no sound 'wrong'",
    ]


def test_names_outside_of_the_flow_are_checked_only_against_what_there_is() -> None:
    document = flow(a=hours(calendar="of the tenant"), end=END)
    parse_flow(document)
    parse_flow(document, Shared(calendars=["Of the Tenant"]))


@pytest.mark.parametrize("document", [{1, 2}, float("nan"), object()])
def test_what_is_no_json_is_refused(document: object) -> None:
    assert faults(document) == ["flow: not a JSON document"]


def test_document_nested_without_end_is_refused() -> None:
    nested: list[Any] = []
    nested.append(nested)
    assert faults(nested) == ["flow: not a JSON document"]


def test_hopeless_document_is_not_answered_with_a_thousand_lines() -> None:
    document = flow(**{f"n{number}": {"kind": "x"} for number in range(100)})
    assert len(faults(document)) == 20


def test_flow_of_every_kind_of_node_is_read_and_described() -> None:
    document = flow(
        a=play("b"),
        b=menu(choices={"1": "c", "*": "b"}, total_tries=4),
        c={"kind": "set", "variables": {"lang": "en"}, "next": "d", "note": "for us"},
        d=hours(calendar="office", open="e"),
        e=hours(
            weekly={"monday": ["09:00-17:30", "18:00-00:00"]},
            zone="Europe/Berlin",
            holidays=["2026-12-25"],
            open="f",
        ),
        f={"kind": "transfer", "target": "{caller}", "failed": "g"},
        g={"kind": "voicemail", "mailbox": "m", "next": "h"},
        h={"kind": "echo", "next": "i"},
        i={"kind": "queue", "queue": "q", "max_wait_seconds": 60, "timeout": "end"},
        end=END,
    )
    document["calendars"] = {"office": {"weekly": {"friday": ["09:00-12:00"]}}}
    read = parse_flow(json.loads(json.dumps(document)))
    assert {node.kind for node in read.nodes.values()} == {
        *("play", "menu", "set", "hours", "transfer", "voicemail", "echo", "queue", "hangup")
    }
    assert flow_schema()["required"] == ["name", "start", "nodes"]
    assert json.loads(json.dumps(flow_schema())) == flow_schema()


def test_variables_are_put_in_and_unknown_ones_are_empty() -> None:
    text = "From {caller}, {nobody}{{x}} {Not} {"
    assert interpolated(text, {"caller": "42", "x": "y"}) == "From 42, {y} {Not} {"
