"""Facts about calls, legs, flows, recordings and registrations."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType
from uuid import UUID

from config.tenancy import TenantId
from telephony.sound_quality import CallQualityMeasured
from telephony.trunk_status import TrunkStateChanged

CallId = NewType("CallId", UUID)
LegId = NewType("LegId", UUID)
RecordingId = NewType("RecordingId", UUID)


class Direction(StrEnum):
    INBOUND = "inbound"
    """From a trunk."""
    INTERNAL = "internal"
    """From one of our own phones to a number, phone or feature of ours."""
    OUTBOUND = "outbound"
    """Asked for by us: originated by REST, or by a phone towards a trunk."""


class LegRole(StrEnum):
    CALLER = "caller"
    AGENT = "agent"
    TARGET = "target"
    """Somebody else called for the caller's sake: a transfer's or an originate's far end."""
    SUPERVISOR = "supervisor"


class RecordingKind(StrEnum):
    CALL = "call"
    VOICEMAIL = "voicemail"


@dataclass(frozen=True, slots=True, kw_only=True)
class LegQuality:
    """What the leg's RTP and RTCP told until it ended."""

    packets_received: int
    packets_sent: int
    packets_lost: int
    packets_late: int
    packets_refused: int
    """Garbage, or packets of a source that is not the leg's party."""
    jitter_ms: float
    round_trip_ms: float | None
    mos: float
    """E-model estimate of what we heard, 1.0 to 4.5 (ITU-T G.107)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallStarted:
    tenant_id: TenantId
    at: datetime
    call_id: CallId
    direction: Direction
    caller: str
    """Number or user of who calls; may be empty (withheld)."""
    called: str
    trunk_id: UUID | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallAnswered:
    tenant_id: TenantId
    at: datetime
    call_id: CallId


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEnded:
    tenant_id: TenantId
    at: datetime
    call_id: CallId
    cause: str
    """Who or what ended it: `caller_hung_up`, `agent_hung_up`, `target_hung_up` (the far end of a
    call between phones or an originated one), `transferred`, `flow_ended`, `not_served`; before
    an answer `refused`, `no_answer` or `cancelled`; `no_ack` and `dialog_lost` where the party fell
    silent, `media_timeout`, `media_lost` (a browser), `no_common_codec`; `supervisor` (through
    the interface), `shutdown`, `failed`."""
    sip_status: int | None
    """Final status sent to or received from the caller, where the call was never answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LegStarted:
    tenant_id: TenantId
    at: datetime
    call_id: CallId
    leg_id: LegId
    role: LegRole
    party: str
    """Number or user of the remote party."""
    agent_id: UUID | None
    sip_call_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LegRinging:
    tenant_id: TenantId
    at: datetime
    call_id: CallId
    leg_id: LegId


@dataclass(frozen=True, slots=True, kw_only=True)
class LegAnswered:
    tenant_id: TenantId
    at: datetime
    call_id: CallId
    leg_id: LegId
    codec: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LegHeld:
    """The party put the others on hold, by its phone or by a button elsewhere."""

    tenant_id: TenantId
    at: datetime
    call_id: CallId
    leg_id: LegId


@dataclass(frozen=True, slots=True, kw_only=True)
class LegResumed:
    tenant_id: TenantId
    at: datetime
    call_id: CallId
    leg_id: LegId


@dataclass(frozen=True, slots=True, kw_only=True)
class LegEnded:
    tenant_id: TenantId
    at: datetime
    call_id: CallId
    leg_id: LegId
    cause: str
    sip_status: int | None
    quality: LegQuality | None
    """None where no media ever flowed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LegsBridged:
    """Two legs of a call began to hear each other."""

    tenant_id: TenantId
    at: datetime
    call_id: CallId
    leg_ids: tuple[LegId, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowStarted:
    tenant_id: TenantId
    at: datetime
    call_id: CallId
    flow_id: UUID
    flow_name: str
    flow_version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowNodeEntered:
    tenant_id: TenantId
    at: datetime
    call_id: CallId
    node: str
    kind: str
    exit_taken: str
    """The exit of the node before it that led here; empty for the first node."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallTransferred:
    """The flow, or a person, sent the caller to another target."""

    tenant_id: TenantId
    at: datetime
    call_id: CallId
    target: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingStarted:
    tenant_id: TenantId
    at: datetime
    call_id: CallId
    recording_id: RecordingId
    kind: RecordingKind


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingStored:
    tenant_id: TenantId
    at: datetime
    call_id: CallId
    recording_id: RecordingId
    kind: RecordingKind
    file: str
    """Path below the recordings folder; made of ids and dates, never of SIP text."""
    duration_ms: int
    size_bytes: int
    sha256: str
    channels: int
    """2: caller left, agent right. 1: caller alone."""
    complete: bool
    """False when recording stopped before the call did, as on a full disk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingFailed:
    tenant_id: TenantId
    at: datetime
    call_id: CallId
    recording_id: RecordingId
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneRegistered:
    tenant_id: TenantId
    at: datetime
    user: str
    contact: str
    expires_seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneUnregistered:
    tenant_id: TenantId
    at: datetime
    user: str
    contact: str
    reason: str
    """`removed` by the phone, `expired`, or `replaced`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LegMuted:
    """Nobody hears the party any more."""

    tenant_id: TenantId
    at: datetime
    call_id: CallId
    leg_id: LegId


@dataclass(frozen=True, slots=True, kw_only=True)
class LegUnmuted:
    tenant_id: TenantId
    at: datetime
    call_id: CallId
    leg_id: LegId


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsultBegan:
    """The party asks `target` for advice; whom it talked with hears music meanwhile."""

    tenant_id: TenantId
    at: datetime
    call_id: CallId
    leg_id: LegId
    target: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsultEnded:
    tenant_id: TenantId
    at: datetime
    call_id: CallId
    leg_id: LegId
    outcome: str
    """`transferred`, `conference`, `resumed`, `no_answer`, or `failed_` with a SIP status."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsultSwapped:
    """The party goes to the other of the two it talks with by turns."""

    tenant_id: TenantId
    at: datetime
    call_id: CallId
    leg_id: LegId
    aside: bool
    """Whether it talks with whoever it asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SupervisionChanged:
    """A supervisor's leg takes part in a call, or does so in another way from now on."""

    tenant_id: TenantId
    at: datetime
    call_id: CallId
    leg_id: LegId
    mode: str
    """`listen`, `whisper`, `barge` or `take_over`."""
    supervised: LegId
    user_id: UUID | None = None
    """Who it is, beyond the phone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SupervisionEnded:
    tenant_id: TenantId
    at: datetime
    call_id: CallId
    leg_id: LegId
    user_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HelpRequested:
    """An agent in a talk asks a supervisor for help."""

    tenant_id: TenantId
    at: datetime
    call_id: CallId
    leg_id: LegId
    agent_id: UUID | None
    reason: str
    """`question`, `upset_caller`, `technical`, `emergency` or `other`."""
    text: str
    """In the agent's words; may be empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HelpTaken:
    """A supervisor says to come."""

    tenant_id: TenantId
    at: datetime
    call_id: CallId
    leg_id: LegId
    by: str
    """Login of who comes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HelpEnded:
    """Nobody asks for help in the call any more."""

    tenant_id: TenantId
    at: datetime
    call_id: CallId
    leg_id: LegId
    outcome: str
    """`withdrawn` by the agent, or `call_ended`."""


CallEvent = (
    CallStarted
    | CallAnswered
    | CallEnded
    | LegStarted
    | LegRinging
    | LegAnswered
    | LegHeld
    | LegResumed
    | LegMuted
    | LegUnmuted
    | ConsultBegan
    | ConsultEnded
    | ConsultSwapped
    | SupervisionChanged
    | SupervisionEnded
    | HelpRequested
    | HelpTaken
    | HelpEnded
    | LegEnded
    | LegsBridged
    | FlowStarted
    | FlowNodeEntered
    | CallTransferred
    | CallQualityMeasured
    | RecordingStarted
    | RecordingStored
    | RecordingFailed
)
TelephonyEvent = CallEvent | PhoneRegistered | PhoneUnregistered | TrunkStateChanged
