"""Finds the session description in a message's body."""

from telephony.sip.message import Request, Response

SDP = "application/sdp"


class UnsupportedBody(Exception):
    """A body of another kind, which the peer did not mark as optional."""


def sdp_of(message: Request | Response) -> bytes | None:
    """The session description, None where there is no body. Raises UnsupportedBody."""
    if not message.body:
        return None
    kind = message.content_type or SDP
    encoding = (message.headers.get("Content-Encoding") or "identity").strip().lower()
    if kind == SDP and encoding == "identity":
        return message.body
    if kind.startswith("multipart/"):
        return _sdp_part(message)
    disposition = (message.headers.get("Content-Disposition") or "").lower()
    if "handling=optional" in disposition.replace(" ", ""):
        return None
    raise UnsupportedBody(kind)


def _sdp_part(message: Request | Response) -> bytes:
    """The first part that is a session description (RFC 5621): gateways wrap it with ISUP."""
    _, _, parameters = (message.headers.get("Content-Type") or "").partition(";")
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        boundary = value.strip().strip('"')
        if name.strip().lower() == "boundary" and boundary:
            for part in message.body.split(b"--" + boundary.encode())[1:]:
                head, _, body = part.partition(b"\r\n\r\n")
                if b"application/sdp" in head.lower():
                    return body.removesuffix(b"\r\n")
    raise UnsupportedBody("multipart without a session description")


def readable_sdp(message: Request | Response) -> bytes | None:
    """For messages that nobody can refuse any more: a body we cannot read counts as none."""
    try:
        return sdp_of(message)
    except UnsupportedBody:
        return None
