import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from routing.ivr.document import Prompt, parse_flow
from routing.ivr.interpreter import Interpreter, Step
from routing.ivr.orders import (
    Digits,
    Done,
    Echo,
    Gather,
    HangUp,
    JoinQueue,
    NoInput,
    NotServed,
    Order,
    Played,
    Result,
    Served,
    Transfer,
    TransferFailed,
    Transferred,
    Voicemail,
)

Document = dict[str, Any]
DEMO = Path(__file__).parents[2] / "config" / "demo"
FRIDAY_NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
END = {"kind": "hangup", "prompts": [{"say": "Goodbye"}]}


class Caller:
    """One call in a flow: says what came of each order, and notes the way taken."""

    def __init__(self, document: Document, utc: datetime = FRIDAY_NOON, **variables: str) -> None:
        self.flow = Interpreter(parse_flow(document), variables)
        self.utc = utc
        self.way: list[str] = []
        self.order: Order = self._walk(self.flow.start(utc))

    def gives(self, *results: Result) -> "Caller":
        for result in results:
            self.order = self._walk(self.flow.receive(result, self.utc))
        return self

    def presses(self, digits: str) -> "Caller":
        return self.gives(Digits(digits))

    @property
    def cause(self) -> str:
        assert isinstance(self.order, HangUp)
        return self.order.cause

    @property
    def heard(self) -> list[str]:
        """What the present order has spoken."""
        assert not isinstance(self.order, JoinQueue | Transfer)
        return [prompt.say or f"file {prompt.file}" for prompt in self.order.prompts]

    def _walk(self, step: Step) -> Order:
        self.way += [f"{v.exit_taken}>{v.node}" for v in step.trail]
        return step.order


def flow(**nodes: Document) -> Document:
    return {"name": "test", "start": next(iter(nodes)), "nodes": nodes | {"end": END}}


def demo(name: str) -> Document:
    document: Document = json.loads((DEMO / "flows" / f"{name}.json").read_text())
    return document


MENU: Document = {
    "kind": "menu",
    "prompts": [{"say": "Menu"}],
    "choices": {"1": "end", "9": "a"},
    "silent_prompts": [{"say": "Silence"}],
    "invalid_prompts": [{"say": "Wrong"}],
    "timeout": "silent",
    "invalid": "wrong",
}
LEAVES: Document = {
    "silent": {"kind": "hangup"},
    "wrong": {"kind": "hangup"},
}
GATHER: Document = {
    "kind": "gather",
    "prompts": [{"say": "PIN"}],
    "variable": "pin",
    "min_digits": 4,
    "max_digits": 6,
    "tries": 2,
    "invalid_prompts": [{"say": "Too short"}],
    "next": "end",
    "timeout": "silent",
    "invalid": "wrong",
}


# --- the demo flows


def test_demo_flows_are_those_of_the_demo_tenant() -> None:
    tenant = json.loads((DEMO / "tenant.json").read_text())
    assert sorted(tenant["flows"]) == sorted(p.stem for p in (DEMO / "flows").glob("*.json"))
    for name in tenant["flows"]:
        assert parse_flow(demo(name)).name == name


@pytest.mark.parametrize(("digit", "queue"), [("1", "sales"), ("2", "support")])
def test_demo_menu_leads_to_the_queue_asked_for(digit: str, queue: str) -> None:
    caller = Caller(demo("main")).gives(Played()).presses(digit)
    assert caller.way == [">greeting", "next>menu", f"{digit}>{queue}"]
    assert caller.order == JoinQueue(queue, 0, None, needs_agents=False)


def test_demo_menu_is_repeated_by_nine() -> None:
    caller = Caller(demo("main")).gives(Played()).presses("9").presses("9").presses("1")
    assert caller.way[-3:] == ["9>menu", "9>menu", "1>sales"]


@pytest.mark.parametrize(
    "tries",
    [
        [NoInput(), NoInput(), NoInput()],
        [Digits("5"), Digits("7"), Digits("#")],
        [NoInput(), Digits("5"), NoInput()],
    ],
)
def test_demo_caller_gets_support_after_three_silent_or_wrong_tries(tries: list[Result]) -> None:
    caller = Caller(demo("main")).gives(Played()).gives(*tries[:2])
    assert caller.way[-1] == "next>menu"
    caller.gives(tries[2], Played())
    assert caller.way[-1] == "next>support"
    assert isinstance(caller.order, JoinQueue)


def test_demo_echo_and_voicemail_end_politely() -> None:
    echo = Caller(demo("echo"))
    assert isinstance(echo.order, Echo)
    assert echo.gives(Done()).heard == ["Goodbye."]
    voicemail = Caller(demo("voicemail"))
    assert isinstance(voicemail.order, Voicemail)
    assert voicemail.order.mailbox == "main"
    assert voicemail.gives(Done()).cause == "flow_ended"


# --- asking


def test_silence_and_wrong_digits_are_counted_apart() -> None:
    caller = Caller(flow(a=MENU, **LEAVES)).gives(
        NoInput(), Digits("5"), NoInput(), Digits("5"), NoInput()
    )
    assert caller.way == [">a", "timeout>silent"]
    caller = Caller(flow(a=MENU, **LEAVES)).gives(
        NoInput(), Digits("5"), NoInput(), Digits("5"), Digits("5")
    )
    assert caller.way == [">a", "invalid>wrong"]


def test_total_of_tries_leads_to_the_exit_of_the_last_one() -> None:
    document = flow(a=MENU | {"total_tries": 2}, **LEAVES)
    assert Caller(document).gives(NoInput(), Digits("5")).way[-1] == "invalid>wrong"
    assert Caller(document).gives(Digits("5"), NoInput()).way[-1] == "timeout>silent"


def test_menu_says_what_went_wrong_and_asks_again() -> None:
    caller = Caller(flow(a=MENU, **LEAVES))
    assert caller.heard == ["Menu"]
    assert caller.gives(NoInput()).heard == ["Silence", "Menu"]
    assert caller.presses("5").heard == ["Wrong", "Menu"]


def test_counts_begin_anew_when_the_menu_is_entered_again() -> None:
    caller = Caller(flow(a=MENU, **LEAVES)).gives(NoInput(), NoInput(), Digits("9"), NoInput())
    assert isinstance(caller.order, Gather)


def test_menu_takes_one_digit_at_once() -> None:
    order = Caller(flow(a=MENU, **LEAVES)).order
    assert isinstance(order, Gather)
    assert (order.min_digits, order.max_digits, order.terminator) == (1, 1, "")
    assert (order.first_digit_seconds, order.barge_in) == (5, True)


def test_gathered_digits_are_a_variable_from_then_on() -> None:
    caller = Caller(flow(a=GATHER, **LEAVES))
    assert caller.order == Gather((Prompt(say="PIN"),), 4, 6, "#", 5, 3, barge_in=True)
    caller.presses("1234")
    assert caller.flow.variables == {"pin": "1234", "digits": "1234"}
    assert caller.way == [">a", "next>end"]


def test_too_few_digits_and_silence_lead_to_exits_of_their_own() -> None:
    caller = Caller(flow(a=GATHER, **LEAVES)).presses("123")
    assert caller.heard == ["Too short", "PIN"]
    assert caller.gives(NoInput()).heard == ["PIN"]
    assert caller.presses("").way[-1] == "invalid>wrong"
    silent = Caller(flow(a=GATHER, **LEAVES)).gives(NoInput(), NoInput())
    assert silent.way[-1] == "timeout>silent"


# --- deciding


def branch(**comparison: Any) -> Document:
    return flow(
        a={
            "kind": "branch",
            "conditions": [{"variable": "x", "next": "yes", **comparison}],
            "otherwise": "end",
        },
        yes={"kind": "hangup"},
    )


@pytest.mark.parametrize(
    ("comparison", "value", "holds"),
    [
        ({"equals": "1"}, "1", True),
        ({"equals": "1"}, "11", False),
        ({"equals": ""}, None, True),
        ({"starts_with": "+49"}, "+4930", True),
        ({"starts_with": "+49"}, "030", False),
        ({"one_of": ["a", "b"]}, "b", True),
        ({"one_of": ["a", "b"]}, "c", False),
        ({"exists": True}, "1", True),
        ({"exists": True}, "", False),
        ({"exists": True}, None, False),
        ({"exists": False}, None, True),
        ({"greater_than": 5}, "5.5", True),
        ({"greater_than": 5}, "5", False),
        ({"greater_than": 5}, "many", False),
        ({"greater_than": 5, "equals": "7"}, "6", False),
    ],
)
def test_condition_compares_a_variable(
    comparison: Document, value: str | None, holds: bool
) -> None:
    variables = {} if value is None else {"x": value}
    caller = Caller(branch(**comparison), FRIDAY_NOON, **variables)
    assert caller.way[-1] == ("condition_1>yes" if holds else "otherwise>end")


def test_first_condition_that_holds_decides() -> None:
    conditions = [
        {"variable": "x", "equals": "no", "next": "a1"},
        {"variable": "x", "exists": True, "next": "a2"},
        {"variable": "x", "exists": True, "next": "a1"},
    ]
    document = flow(
        a={"kind": "branch", "conditions": conditions, "otherwise": "end"},
        a1={"kind": "hangup"},
        a2={"kind": "hangup"},
    )
    assert Caller(document, x="yes").way == [">a", "condition_2>a2"]


def test_nodes_that_only_decide_are_walked_in_one_step() -> None:
    document = flow(
        a={"kind": "set", "variables": {"greeting": "Hello {caller}"}, "next": "b"},
        b={
            "kind": "branch",
            "conditions": [{"variable": "greeting", "equals": "Hello 42", "next": "c"}],
            "otherwise": "end",
        },
        c={"kind": "hours", "weekly": {"friday": ["09:00-17:00"]}, "open": "d", "closed": "end"},
        d={"kind": "play", "prompts": [{"say": "{greeting}"}, {"file": "x.wav"}], "next": "end"},
    )
    caller = Caller(document, caller="42")
    assert caller.way == [">a", "next>b", "condition_1>c", "open>d"]
    assert caller.heard == ["Hello 42", "file x.wav"]


def test_hours_follow_the_calendar_of_the_flow() -> None:
    node = {"kind": "hours", "calendar": "office", "open": "b", "closed": "end"}
    document = flow(a=node, b={"kind": "hangup"})
    weekly = {"friday": ["09:00-12:30"]}
    document["calendars"] = {"office": {"zone": "Europe/Berlin", "weekly": weekly}}
    assert Caller(document).way == [">a", "closed>end"]
    eleven = FRIDAY_NOON.replace(hour=11)
    assert Caller(document, eleven).way == [">a", "open>b"]


def test_prompt_that_comes_to_nothing_is_a_silence() -> None:
    node = {"kind": "play", "prompts": [{"say": "{name}"}], "next": "end"}
    assert Caller(flow(a=node)).heard == [" "]


# --- handing over


QUEUE: Document = {
    "kind": "queue",
    "queue": "{team}",
    "priority": 2,
    "max_wait_seconds": 60,
    "timeout": "late",
    "no_agents": "closed",
    "full": "end",
}


def queueing() -> Caller:
    late = {"kind": "hangup"}
    return Caller(flow(a=QUEUE, late=late, closed={"kind": "hangup"}), team="sales")


def test_queue_is_named_by_variables() -> None:
    assert queueing().order == JoinQueue("sales", 2, 60, needs_agents=True)


@pytest.mark.parametrize(
    ("reason", "way"),
    [
        ("timeout", "timeout>late"),
        ("no_agents", "no_agents>closed"),
        ("full", "full>end"),
        ("closed", "timeout>late"),
    ],
)
def test_caller_whom_the_queue_gave_back_goes_on_by_the_reason(reason: str, way: str) -> None:
    caller = queueing().gives(NotServed(reason))
    assert caller.way == [">a", way]
    assert caller.flow.variables["queue_result"] == reason


def test_caller_without_a_way_on_is_let_go() -> None:
    caller = Caller(demo("main")).gives(Played(), Digits("1"), NotServed("closed"))
    assert caller.cause == "not_served"


def test_flow_is_over_when_an_agent_has_served_the_caller() -> None:
    caller = queueing().gives(Served())
    assert caller.cause == "agent_hung_up"
    assert caller.gives(NotServed("timeout")).cause == "flow_ended", "nothing restarts it"


def test_failed_transfer_goes_on_and_a_finished_one_ends() -> None:
    node = {"kind": "transfer", "target": "+{called}", "ring_seconds": 15, "failed": "end"}
    caller = Caller(flow(a=node), called="49")
    assert caller.order == Transfer("+49", 15)
    assert caller.gives(TransferFailed("busy")).way == [">a", "failed>end"]
    assert caller.flow.variables["transfer_result"] == "busy"
    assert Caller(flow(a=node)).gives(Transferred()).cause == "transferred"


# --- bounds


def test_call_that_goes_round_for_ever_is_ended() -> None:
    caller = Caller(flow(a=MENU, **LEAVES))
    for _ in range(499):
        caller.presses("9")
    assert isinstance(caller.order, Gather)
    assert caller.presses("9").cause == "flow_loop"
    assert caller.presses("9").cause == "flow_ended"


def test_calls_in_one_flow_do_not_disturb_one_another() -> None:
    shared = parse_flow(flow(a=GATHER, **LEAVES))
    one, two = Interpreter(shared, {"caller": "1"}), Interpreter(shared, {"caller": "2"})
    one.start(FRIDAY_NOON)
    two.start(FRIDAY_NOON)
    one.receive(Digits("1234"), FRIDAY_NOON)
    assert "pin" not in two.variables
    assert two.receive(NoInput(), FRIDAY_NOON).trail == ()
