"""How the numbers that peers send are read: one spelling, and who withholds theirs."""

import re

from telephony.sip.message import Request
from telephony.sip.uri import SipUri

_NUMBER = re.compile(r"\+?[0-9*#().\- ]*[0-9*#][0-9*#().\- ]*")
_SEPARATORS = str.maketrans("", "", "().- ")
_WITHHELD = frozenset({"anonymous", "restricted", "unavailable"})


def user_of(uri: SipUri) -> str:
    """The number or name a URI is about, without what only helps people to read it.

    Separators (RFC 3966 section 5.1.1) are left out, and so are parameters that came inside the
    user part, such as `;npdi`.
    """
    return cleaned((uri.user or "").partition(";")[0])


def cleaned(text: str) -> str:
    """A number without its separators; anything else as it is."""
    return text.translate(_SEPARATORS) if _NUMBER.fullmatch(text) else text


def caller_of(request: Request) -> str:
    """Who calls; empty when the caller withholds it (RFC 3323 4.1, RFC 3325 9.3)."""
    privacy = {item.strip().lower() for item in (request.headers.get("privacy") or "").split(";")}
    if privacy & {"id", "user", "header"}:
        return ""
    caller = user_of(request.from_.uri)
    return "" if caller.lower() in _WITHHELD else caller


def number_key(number: str) -> str:
    """Equal for two spellings of one number: `0049` and `+49` begin the same."""
    return "+" + number[2:] if number.startswith("00") and number[2:].isdigit() else number
