"""The session of the web pages: scripts never see the refresh token, a cookie keeps it.

The cookie is sent to this one address only, never by a page of another site, and is gone when the
browser ends. The answers are those of `/auth` without the refresh token.
"""

import asyncio
from collections import OrderedDict

from aiohttp import web

from server.api.envelope import DataOut
from server.api.errors import Unauthenticated
from server.api.models import OutModel
from server.api.resources.auth import Auth, LoginIn, RefreshIn, SessionOut, UserOut
from server.api.routes import read_body

PATH = "/web/session"
_COOKIE = "murima_session"
_AGAIN_SECONDS = 10.0
_MOST_KEPT = 1_000


class WebSessionOut(OutModel):
    access_token: str
    expires_in: int
    user: UserOut


class WebSession:
    def __init__(self, auth: Auth) -> None:
        self._auth = auth
        self._renewing = asyncio.Lock()
        self._renewed: OrderedDict[str, tuple[float, SessionOut]] = OrderedDict()

    def add_to(self, app: web.Application) -> None:
        app.router.add_post(PATH, self._sign_in)
        app.router.add_put(PATH, self._renew)
        app.router.add_delete(PATH, self._sign_out)

    async def _sign_in(self, request: web.Request) -> web.Response:
        body = await read_body(LoginIn, request)
        return _answer(request, await self._auth.login(body=body, source=request.remote or ""))

    async def _renew(self, request: web.Request) -> web.Response:
        """Exchange the cookie; the same one again within seconds gets the same answer.

        A page that is loaded twice in a row sends it twice, without having seen the first answer;
        that is not a stolen token, and must not end the session.
        """
        kept = _kept(request)
        async with self._renewing:
            now = asyncio.get_running_loop().time()
            until, session = self._renewed.get(kept.refresh_token, (0.0, None))
            if session is None or until < now:
                session = await self._auth.refresh(body=kept)
                self._renewed[kept.refresh_token] = (now + _AGAIN_SECONDS, session)
                if len(self._renewed) > _MOST_KEPT:
                    self._renewed.popitem(last=False)
        return _answer(request, session)

    async def _sign_out(self, request: web.Request) -> web.Response:
        kept = _kept(request)
        await self._auth.logout(body=kept)
        self._renewed = OrderedDict(
            (token, entry)
            for token, entry in self._renewed.items()
            if entry[1].refresh_token != kept.refresh_token
        )
        response = web.json_response({"success": True})
        response.del_cookie(_COOKIE, path=PATH)
        return response


def _kept(request: web.Request) -> RefreshIn:
    token = request.cookies.get(_COOKIE, "")
    if not 10 <= len(token) <= 200:
        raise Unauthenticated("Sign in first.")
    return RefreshIn(refresh_token=token)


def _answer(request: web.Request, session: SessionOut) -> web.Response:
    shown = WebSessionOut(
        access_token=session.access_token, expires_in=session.expires_in, user=session.user
    )
    response = web.Response(
        body=DataOut(data=shown).model_dump_json().encode(), content_type="application/json"
    )
    # A proxy may have taken the encryption off: the browser's own word counts as well.
    secure = request.secure or request.headers.get("Origin", "").startswith("https:")
    response.set_cookie(
        _COOKIE, session.refresh_token, path=PATH, httponly=True, samesite="Strict", secure=secure
    )
    return response
