"""Under which addresses browsers find the pages and the phones' WebSocket."""

import re
from collections.abc import Callable
from urllib.parse import urlsplit

from config.settings import Settings

Address = tuple[str, int]

_ASKED = re.compile(r"([A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{1,5})?")
_USUAL = {"http": 80, "https": 443}


class WebAddresses:
    """Answers in the name that the browser itself asked for, where that name can be trusted."""

    def __init__(
        self, settings: Settings, *, http: Callable[[], Address], ws: Callable[[], Address]
    ) -> None:
        """`http` and `ws` are where the two listen, once they do."""
        self._settings = settings
        self._http = http
        self._ws = ws
        self._secure = settings.tls.is_on

    def page_url(self) -> str:
        host, port = self._http()
        return f"{self._scheme}://{in_url(host)}:{port}/"

    def phone_url(self, asked: str) -> str:
        """Where browsers speak SIP; `asked` is the Host of the request that wants to know."""
        host, port = self._ws()
        name = self._trusted(asked) or in_url(host)
        scheme = "wss" if self._secure else "ws"
        return self._settings.sip.ws_url or f"{scheme}://{name}:{port}/"

    def is_own_page(self, origin: str, asked: str) -> bool:
        """Whether `origin` is a page of ours, where its browser asks `asked` for a WebSocket."""
        names = {in_url(str(self._settings.http.host)), self._trusted(asked)}
        if self._settings.http.host.is_loopback:
            names.add("localhost")
        port = self._http()[1]
        shown = "" if port == _USUAL[self._scheme] else f":{port}"
        return origin in {f"{self._scheme}://{name}{shown}" for name in names if name}

    @property
    def _scheme(self) -> str:
        return "https" if self._secure else "http"

    def _trusted(self, asked: str) -> str | None:
        """The name in a Host that a browser has compared with our certificate, in small letters.

        Without TLS nobody has: a stranger's name could be made to lead here.
        """
        found = _ASKED.fullmatch(asked)
        return found[1].lower() if found and self._secure else None


def in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def origin_of(url: str) -> str:
    """Scheme, host and port, as a content-security policy names them."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
