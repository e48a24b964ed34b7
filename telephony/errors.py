"""What can go wrong in telephony, whose fault it is, and why calls end."""

from enum import StrEnum


class TelephonyError(Exception):
    """Base of the errors telephony raises; `code` is stable and machine-readable."""

    code = "telephony_failed"


class AddressInUse(TelephonyError):
    """Another program listens where we were told to."""

    code = "address_in_use"

    def __init__(self, protocol: str, host: str, port: int) -> None:
        super().__init__(f"{protocol.upper()} port {port} on {host} is already in use")
        self.protocol, self.host, self.port = protocol, host, port


class UnknownPhone(TelephonyError, LookupError):
    """The tenant has no such phone."""

    code = "unknown_phone"


class PhoneUnreachable(TelephonyError):
    """The phone is not registered."""

    code = "phone_unreachable"


class UnknownTarget(TelephonyError, LookupError):
    """Nothing is reached by that number: no flow, no phone and no trunk."""

    code = "unknown_target"


class TooManyCalls(TelephonyError):
    """As many calls stand as the settings allow, or the server is shutting down."""

    code = "too_many_calls"


class EndCause(StrEnum):
    """Why a call or a leg ended. Flows add causes of their own, such as `transferred`."""

    CALLER_HUNG_UP = "caller_hung_up"
    AGENT_HUNG_UP = "agent_hung_up"
    TARGET_HUNG_UP = "target_hung_up"
    """The far end of a transfer, of a call between phones or of an originated call."""
    FLOW_ENDED = "flow_ended"
    REFUSED = "refused"
    """The called side said no: busy, declined, unknown there."""
    NO_ANSWER = "no_answer"
    CANCELLED = "cancelled"
    """Given up before it was answered."""
    ANSWERED_ELSEWHERE = "answered_elsewhere"
    MEDIA_TIMEOUT = "media_timeout"
    SUPERVISOR = "supervisor"
    """Ended by somebody through the interface."""
    SHUTDOWN = "shutdown"
    NO_ACK = "no_ack"
    """Our answer was never acknowledged."""
    DIALOG_LOST = "dialog_lost"
    """The party no longer knew of the call, or was silent when asked."""
    FAILED = "failed"
