"""What a flow wants done, and what came of it."""

from dataclasses import dataclass
from typing import TypeAlias

from routing.ivr.nodes import Prompt


@dataclass(frozen=True, slots=True)
class Play:
    """Answered by Played."""

    prompts: tuple[Prompt, ...]
    barge_in: bool


@dataclass(frozen=True, slots=True)
class Gather:
    """Play, and collect digits. Answered by Digits or NoInput."""

    prompts: tuple[Prompt, ...]
    min_digits: int
    max_digits: int
    terminator: str
    """The key that ends the input; empty for none."""
    first_digit_seconds: float
    """Counted from the end of the prompts."""
    inter_digit_seconds: float
    barge_in: bool


@dataclass(frozen=True, slots=True)
class JoinQueue:
    """Answered by Served or NotServed."""

    queue: str
    priority: int
    max_wait_seconds: float | None
    needs_agents: bool
    """Do not wait at all when nobody who serves the queue is logged in."""


@dataclass(frozen=True, slots=True)
class Transfer:
    """Answered by Transferred or TransferFailed."""

    target: str
    ring_seconds: float


@dataclass(frozen=True, slots=True)
class Voicemail:
    """Answered by Done, also when nothing was said."""

    mailbox: str
    prompts: tuple[Prompt, ...]
    max_seconds: float
    silence_seconds: float
    """So much silence ends the message."""


@dataclass(frozen=True, slots=True)
class Echo:
    """Answered by Done."""

    prompts: tuple[Prompt, ...]
    max_seconds: float


@dataclass(frozen=True, slots=True)
class HangUp:
    """The end; nothing answers it."""

    prompts: tuple[Prompt, ...]
    cause: str


Order: TypeAlias = Play | Gather | JoinQueue | Transfer | Voicemail | Echo | HangUp


@dataclass(frozen=True, slots=True)
class Played:
    pass


@dataclass(frozen=True, slots=True)
class Digits:
    digits: str


@dataclass(frozen=True, slots=True)
class NoInput:
    pass


@dataclass(frozen=True, slots=True)
class Served:
    """An agent took the call, and the talk is over."""


@dataclass(frozen=True, slots=True)
class NotServed:
    reason: str
    """`timeout`, `no_agents`, `full`, `closed` or `failed`."""


@dataclass(frozen=True, slots=True)
class Transferred:
    """The target answered, and the talk is over."""


@dataclass(frozen=True, slots=True)
class TransferFailed:
    reason: str


@dataclass(frozen=True, slots=True)
class Done:
    pass


Result: TypeAlias = (
    Played | Digits | NoInput | Served | NotServed | Transferred | TransferFailed | Done
)
