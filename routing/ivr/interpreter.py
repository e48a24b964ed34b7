"""Walks one call through a flow: results in, the next order out.

Sans-IO; a flow is shared by all calls in it, an interpreter belongs to one call.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from routing.calendars import Calendar
from routing.ivr.nodes import (
    BranchNode,
    EchoNode,
    Flow,
    GatherNode,
    HangupNode,
    HoursNode,
    MenuNode,
    Node,
    PlayNode,
    Prompt,
    QueueNode,
    SetNode,
    TransferNode,
    VoicemailNode,
    interpolated,
)
from routing.ivr.orders import (
    Digits,
    Echo,
    Gather,
    HangUp,
    JoinQueue,
    NoInput,
    NotServed,
    Order,
    Play,
    Result,
    Transfer,
    TransferFailed,
    Voicemail,
)

_MOST_VISITS = 500
"""Nodes a call may visit: a flow that asks for ever must not keep a forgotten call for ever."""


@dataclass(frozen=True, slots=True)
class NodeVisit:
    node: str
    kind: str
    exit_taken: str
    """The exit of the node before; empty for the first one."""


@dataclass(frozen=True, slots=True)
class Step:
    trail: tuple[NodeVisit, ...]
    """Nodes entered in this step, in order."""
    order: Order


class Interpreter:
    def __init__(
        self,
        flow: Flow,
        variables: Mapping[str, str],
        calendars: Mapping[str, Calendar] | None = None,
    ) -> None:
        """`variables` are what the flow knows from the start, such as `caller` and `called`.

        `calendars` are the tenant's, by `name_key`; hours that nobody knows are closed.
        On the way come `digits`, the last ones keyed in, `queue_result`, why a queue gave the
        caller back, and `transfer_result`, why a transfer failed.
        """
        self._flow = flow
        self._calendars = calendars or {}
        self.variables = dict(variables)
        self._node: Node | None = None
        self._visits = 0
        self._silent = 0
        self._wrong = 0

    def start(self, utc: datetime) -> Step:
        return self._enter(self._flow.start, "", utc)

    def receive(self, result: Result, utc: datetime) -> Step:
        """What came of the last order; `utc` decides about opening hours."""
        node = self._node
        if isinstance(node, MenuNode):
            return self._menu_answer(node, result, utc)
        if isinstance(node, GatherNode):
            return self._gather_answer(node, result, utc)
        if isinstance(node, QueueNode):
            return self._queue_left(node, result, utc)
        if isinstance(node, TransferNode):
            return self._transferred(node, result, utc)
        if isinstance(node, PlayNode | VoicemailNode | EchoNode):
            return self._enter(node.next, "next", utc)
        return self._end("flow_ended")

    def _enter(self, name: str, exit_taken: str, utc: datetime) -> Step:
        """Walk on from `name` until a node has something to be done."""
        trail: list[NodeVisit] = []
        while True:
            self._visits += 1
            if self._visits > _MOST_VISITS:
                return Step(tuple(trail), self._end("flow_loop").order)
            node = self._flow.nodes[name]
            self._node, self._silent, self._wrong = node, 0, 0
            trail.append(NodeVisit(name, node.kind, exit_taken))
            if isinstance(node, SetNode):
                for variable, text in node.variables.items():
                    self.variables[variable] = interpolated(text, self.variables)[:1_000]
                name, exit_taken = node.next, "next"
            elif isinstance(node, BranchNode):
                name, exit_taken = self._branch(node)
            elif isinstance(node, HoursNode):
                hours = self._flow.opening_hours(node, self._calendars)
                is_open = hours is not None and hours.is_open(utc)
                name, exit_taken = (node.open, "open") if is_open else (node.closed, "closed")
            else:
                return Step(tuple(trail), self._order(node))

    def _branch(self, node: BranchNode) -> tuple[str, str]:
        for at, condition in enumerate(node.conditions):
            if condition.holds(self.variables):
                return condition.next, f"condition_{at + 1}"
        return node.otherwise, "otherwise"

    def _order(self, node: Node) -> Order:
        if isinstance(node, PlayNode):
            return Play(self._spoken(node.prompts), node.barge_in)
        if isinstance(node, MenuNode):
            return self._menu(node, node.prompts)
        if isinstance(node, GatherNode):
            return self._gather(node, node.prompts)
        return self._hand_over(node)

    def _hand_over(self, node: Node) -> Order:
        if isinstance(node, QueueNode):
            return JoinQueue(
                interpolated(node.queue, self.variables),
                node.priority,
                node.max_wait_seconds,
                needs_agents=node.no_agents is not None,
            )
        if isinstance(node, TransferNode):
            return Transfer(interpolated(node.target, self.variables), node.ring_seconds)
        if isinstance(node, VoicemailNode):
            prompts = self._spoken(node.prompts)
            return Voicemail(node.mailbox, prompts, node.max_seconds, node.silence_seconds)
        if isinstance(node, EchoNode):
            return Echo(self._spoken(node.prompts), node.max_seconds)
        assert isinstance(node, HangupNode)
        return HangUp(self._spoken(node.prompts), "flow_ended")

    def _menu(self, node: MenuNode, prompts: tuple[Prompt, ...]) -> Gather:
        return Gather(
            self._spoken(prompts),
            min_digits=1,
            max_digits=1,
            terminator="",
            first_digit_seconds=node.first_digit_seconds,
            inter_digit_seconds=node.first_digit_seconds,
            barge_in=node.barge_in,
        )

    def _gather(self, node: GatherNode, prompts: tuple[Prompt, ...]) -> Gather:
        return Gather(
            self._spoken(prompts),
            min_digits=node.min_digits,
            max_digits=node.max_digits,
            terminator=node.terminator,
            first_digit_seconds=node.first_digit_seconds,
            inter_digit_seconds=node.inter_digit_seconds,
            barge_in=node.barge_in,
        )

    def _menu_answer(self, node: MenuNode, result: Result, utc: datetime) -> Step:
        digit = result.digits if isinstance(result, Digits) else ""
        for choice, target in node.choices.items():
            if choice == digit:
                self.variables["digits"] = digit
                return self._enter(target, digit, utc)
        failed = self._count(node, result)
        both = node.total_tries is not None and self._silent + self._wrong >= node.total_tries
        if failed or both:
            return self._give_up(node, result, utc)
        return self._again(self._menu(node, self._reminder(node, result)))

    def _gather_answer(self, node: GatherNode, result: Result, utc: datetime) -> Step:
        digits = result.digits if isinstance(result, Digits) else ""
        if node.min_digits <= len(digits) <= node.max_digits:
            self.variables[node.variable] = self.variables["digits"] = digits
            return self._enter(node.next, "next", utc)
        if self._count(node, result):
            return self._give_up(node, result, utc)
        return self._again(self._gather(node, self._reminder(node, result)))

    def _count(self, node: MenuNode | GatherNode, result: Result) -> bool:
        """Silence and wrong answers are counted apart; True when it was the last try."""
        if isinstance(result, NoInput):
            self._silent += 1
            return self._silent >= node.tries
        self._wrong += 1
        return self._wrong >= node.tries

    def _give_up(self, node: MenuNode | GatherNode, result: Result, utc: datetime) -> Step:
        if isinstance(result, NoInput):
            return self._enter(node.timeout, "timeout", utc)
        return self._enter(node.invalid, "invalid", utc)

    def _reminder(self, node: MenuNode | GatherNode, result: Result) -> tuple[Prompt, ...]:
        said = node.silent_prompts if isinstance(result, NoInput) else node.invalid_prompts
        return (*said, *node.prompts)

    def _queue_left(self, node: QueueNode, result: Result, utc: datetime) -> Step:
        if not isinstance(result, NotServed):
            return self._end("agent_hung_up")
        self.variables["queue_result"] = result.reason
        exits = {"timeout": node.timeout, "no_agents": node.no_agents, "full": node.full}
        if (target := exits.get(result.reason)) is not None:
            return self._enter(target, result.reason, utc)
        if node.timeout is not None:  # better than to drop a caller for an unforeseen reason
            return self._enter(node.timeout, "timeout", utc)
        return self._end("not_served")

    def _transferred(self, node: TransferNode, result: Result, utc: datetime) -> Step:
        if not isinstance(result, TransferFailed):
            return self._end("transferred")
        self.variables["transfer_result"] = result.reason
        return self._enter(node.failed, "failed", utc)

    def _again(self, order: Order) -> Step:
        return Step((), order)

    def _end(self, cause: str) -> Step:
        self._node = None
        return Step((), HangUp((), cause))

    def _spoken(self, prompts: tuple[Prompt, ...]) -> tuple[Prompt, ...]:
        return tuple(prompt.with_values(self.variables) for prompt in prompts)
