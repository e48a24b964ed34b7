"""The web pages: what the build made of `frontend/`, and the rules the browser is given for it."""

import asyncio
import re
import secrets
from collections.abc import Callable
from pathlib import Path

from aiohttp import web

from server.web_addresses import origin_of

FOLDER = Path(__file__).resolve().parent.parent / "frontend" / "dist"

_NONCE = "@nonce@"
"""What the build writes where each answer gets a number of its own."""
_FOREVER = "public, max-age=31536000, immutable"
_HOST = re.compile(r"[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]")
_TYPES = {".webmanifest": "application/manifest+json", ".js": "text/javascript; charset=utf-8"}
_NOT_BUILT = """\
<!doctype html>
<html lang="en">
<title>Murima</title>
<h1>The web pages are not built</h1>
<p>Run <code>python3 scripts/bootstrap.py</code> in the checkout, then load this page again.
<p>The API is there: <a href="/api/v1/openapi.json">/api/v1/openapi.json</a>.
</html>
"""


class Pages:
    """Serves the built files; every address that is no file is a place inside of the page."""

    def __init__(self, phone_url: Callable[[str], str], *, folder: Path = FOLDER) -> None:
        """`phone_url` is where browsers speak SIP, of those that asked for a Host."""
        self._phone_url = phone_url
        self._folder = folder.resolve()

    def add_to(self, app: web.Application) -> None:
        """After everything else: what the API does not know is not ours to answer either."""
        app.router.add_get("/{path:(?!api/|ws/|web/).*}", self._answer)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["path"]
        if "." not in name.rpartition("/")[2]:
            return await self._index(request)
        path = await asyncio.to_thread(self._find, name)
        if path is None:
            raise web.HTTPNotFound
        headers = {"Cache-Control": _FOREVER if name.startswith("assets/") else "no-cache"}
        if path.suffix in _TYPES:
            headers["Content-Type"] = _TYPES[path.suffix]
        return web.FileResponse(path, headers=headers)

    def _find(self, name: str) -> Path | None:
        try:
            path = (self._folder / name).resolve()
            inside = path.is_relative_to(self._folder) and path.is_file()
        except (OSError, ValueError):  # too long, or with a NUL
            return None
        return path if inside and path.name != "index.html" else None

    async def _index(self, request: web.Request) -> web.Response:
        nonce = secrets.token_urlsafe(16)
        headers = {
            "Cache-Control": "no-cache",
            "Content-Security-Policy": self._policy(request, nonce),
            "Referrer-Policy": "no-referrer",
            "Permissions-Policy": "microphone=(self), camera=(), geolocation=(), usb=()",
            "Cross-Origin-Opener-Policy": "same-origin",
        }
        try:
            page = await asyncio.to_thread((self._folder / "index.html").read_text, "utf-8")
        except FileNotFoundError:
            return web.Response(
                status=503, text=_NOT_BUILT, content_type="text/html", headers=headers
            )
        text = page.replace(_NONCE, nonce)
        return web.Response(text=text, content_type="text/html", headers=headers)

    def _policy(self, request: web.Request, nonce: str) -> str:
        rules = {
            "default-src": "'self'",
            "connect-src": " ".join(["'self'", *self._sockets(request)]),
            # The component library writes its colours into a style element of its own.
            "style-src": f"'self' 'nonce-{nonce}'",
            "img-src": "'self' data:",
            "media-src": "'self' blob:",  # a recording is fetched with the access token
            "object-src": "'none'",
            "base-uri": "'none'",
            "form-action": "'self'",
            "frame-ancestors": "'none'",
        }
        return "; ".join(f"{name} {value}" for name, value in rules.items())

    def _sockets(self, request: web.Request) -> list[str]:
        """The feed's address, which some browsers do not count as 'self', and the phone's."""
        found = [origin_of(self._phone_url(request.host))]
        if _HOST.fullmatch(re.sub(r":\d+$", "", request.host)):
            found += [f"{scheme}://{request.host}" for scheme in ("ws", "wss")]
        return found
