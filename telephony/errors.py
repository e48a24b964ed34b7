"""What can go wrong in telephony, and whose fault it is."""


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


class NotPossible(TelephonyError):
    """What was asked for does not fit what the call is doing; the message says why."""

    code = "not_possible"


class UnknownTarget(TelephonyError, LookupError):
    """Nobody is reached by that number."""

    code = "unknown_target"
