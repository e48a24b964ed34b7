"""What a REFER asks for (RFC 3515), and which dialog of ours it wants replaced (RFC 3891)."""

from dataclasses import dataclass
from urllib.parse import parse_qsl

from telephony.sip.dialog import DialogId
from telephony.sip.headers import BadHeader
from telephony.sip.message import Request
from telephony.sip.uri import BadUri, NameAddress, SipUri


@dataclass(frozen=True, slots=True)
class Referral:
    target: SipUri
    replaces: DialogId | None
    """Our side of the dialog whose far end shall be the target."""


def read_referral(request: Request) -> Referral:
    """Raises BadHeader."""
    values = request.headers.get_all("refer-to")
    if len(values) != 1:
        raise BadHeader("Refer-To")
    try:
        uri = NameAddress.parse(values[0]).uri
    except BadUri as error:
        raise BadHeader("Refer-To") from error
    if uri.scheme not in ("sip", "sips", "tel"):
        raise BadHeader("Refer-To")
    return Referral(uri.without_parameters(), _replaces(uri))


def _replaces(uri: SipUri) -> DialogId | None:
    try:
        fields = dict(parse_qsl(uri.headers, strict_parsing=True, max_num_fields=20))
    except ValueError:
        fields = {}
    text = next((value for name, value in fields.items() if name.lower() == "replaces"), None)
    if text is None:
        return None
    call_id, *parameters = text.split(";")
    tags = dict(part.strip().partition("=")[::2] for part in parameters)
    if not call_id or "to-tag" not in tags or "from-tag" not in tags:
        raise BadHeader("Refer-To")
    return (call_id, tags["to-tag"], tags["from-tag"])
