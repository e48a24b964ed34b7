"""The SIP trace: whole messages in the log, without what would let somebody in."""

import logging
import re

from telephony.transport.flow import Flow

log = logging.getLogger("telephony.trace")

_SECRETS = re.compile(
    r'\b(response|c?nonce|nextnonce|rspauth|opaque)(\s*=\s*)("[^"\r\n]*"?|[^\s,"]+)', re.IGNORECASE
)
_LINES = re.compile(
    r"^((?:proxy-|www-)?auth(?:orization|enticate|entication-info)\s*:)(.*(?:\r?\n[ \t].*)*)",
    re.IGNORECASE | re.MULTILINE,
)


def masked(data: bytes) -> str:
    text = data.decode("utf-8", "replace")
    return _LINES.sub(lambda line: line[1] + _SECRETS.sub(r"\1\2***", line[2]), text)


def trace(direction: str, flow: Flow, data: bytes) -> None:
    log.info(
        "sip message",
        extra={
            "direction": direction,
            "transport": flow.transport,
            "peer": f"{flow.remote[0]}:{flow.remote[1]}",
            "sip": masked(data),
        },
    )
