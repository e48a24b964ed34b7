"""One request of ours other than a call's first INVITE, with one answer to a challenge."""

from collections.abc import Callable

from telephony.sip import digest
from telephony.sip.message import Request, Response
from telephony.transport.flow import Flow
from telephony.ua.layer import TransactionLayer
from telephony.ua.leg_handler import Credentials

_HEADERS = {
    401: ("WWW-Authenticate", "Authorization"),
    407: ("Proxy-Authenticate", "Proxy-Authorization"),
}


def answer_challenge(
    request: Request, response: Response, credentials: Credentials, *, cnonce: str, cseq: int
) -> Request | None:
    """The request again, with a proof of the password; None when that challenge is not for us."""
    names = _HEADERS.get(response.status)
    if names is None or request.headers.get(names[1]) is not None:
        return None
    value = digest.answer_challenge(
        response.headers.get_all(names[0]),
        method=request.method,
        uri=str(request.uri),
        username=credentials.username,
        password=credentials.password,
        cnonce=cnonce,
        realm=credentials.realm,
    )
    if value is None:
        return None
    headers = request.headers.copy()
    headers.remove("Via")
    headers.set("CSeq", f"{cseq} {request.method}")
    headers.set(names[1], value)
    return Request(request.method, request.uri, headers, request.body)


def is_stale(response: Response) -> bool:
    """Whether the proof was right, and only made for a nonce that is too old."""
    names = _HEADERS.get(response.status)
    offered = response.headers.get_all(names[0]) if names is not None else []
    fields = (digest.parse_challenge(challenge) or {} for challenge in offered)
    return any(each.get("stale", "").lower() == "true" for each in fields)


class ClientRequest:
    """Reports the final status once; what never was answered counts as 408, or 503 if unsent."""

    def __init__(
        self,
        layer: TransactionLayer,
        on_final: Callable[[int, Response | None], None],
        *,
        credentials: Credentials | None = None,
        token: Callable[[], str],
        next_cseq: Callable[[], int],
    ) -> None:
        self._layer = layer
        self._on_final = on_final
        self._credentials = credentials
        self._token = token
        self._next_cseq = next_cseq
        self._sent: tuple[Request, Flow] | None = None
        self._renewed = False

    def send(self, request: Request, flow: Flow) -> None:
        self._sent = request, flow
        self._layer.send_request(request, flow, self)

    def receive_response(self, response: Response) -> None:
        if response.status < 200:
            return
        if response.status not in _HEADERS or not self._answer(response):
            self._on_final(response.status, response)

    def request_failed(self, status: int, reason: str) -> None:
        del reason
        self._on_final(status, None)

    def _answer(self, response: Response) -> bool:
        """True: the request was sent again."""
        if self._sent is None or self._credentials is None:
            return False
        request, flow = self._sent
        if not self._renewed and is_stale(response):
            self._renewed = True
            for _, name in _HEADERS.values():
                request.headers.remove(name)
        again = answer_challenge(
            request,
            response,
            self._credentials,
            cnonce=self._token(),
            cseq=self._next_cseq(),
        )
        if again is not None:
            self.send(again, flow)
        return again is not None
