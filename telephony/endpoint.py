"""The SIP endpoint of the server: the user agent bound to its UDP and TCP sockets."""

from telephony.ua.handlers import (
    Accept,
    Credentials,
    EndpointHandler,
    LegHandler,
    Refuse,
    Verdict,
)

__all__ = [
    "Accept",
    "Credentials",
    "EndpointHandler",
    "LegHandler",
    "Refuse",
    "Verdict",
]
