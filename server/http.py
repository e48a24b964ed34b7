"""The HTTP side: pages, API, live feed, health and metrics on one aiohttp server."""

import asyncio
import json
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from aiohttp import web

from casecore.db.database import Database
from config.settings import HttpSettings
from server.addresses import AddressUnusable
from server.api.openapi import document
from server.api.operation import Operation
from server.api.resources.agent_settings import AgentSettings
from server.api.resources.agents import Agents
from server.api.resources.auth import Auth
from server.api.resources.call_control import CallControl
from server.api.resources.calls import Calls
from server.api.resources.configuration import Configuration
from server.api.resources.contacts import Contacts
from server.api.resources.device_tests import DeviceTests
from server.api.resources.help import Help
from server.api.resources.hours import Hours
from server.api.resources.phones import Phones
from server.api.resources.queue_settings import QueueSettings
from server.api.resources.queues import Queues
from server.api.resources.recordings import Recordings
from server.api.resources.softphone import Softphone, SoftphoneAccess
from server.api.resources.sounds import Sounds
from server.api.resources.staffing import Staffing
from server.api.resources.trail import Trail
from server.api.resources.trunks import Trunks
from server.api.resources.users import Users
from server.api.resources.wrap_up import WrapUp
from server.api.routes import MAX_BODY, PREFIX, add_operations, errors_as_json
from server.auth.accounts import Accounts
from server.auth.guard import LoginGuard
from server.auth.passwords import Passwords
from server.auth.principal import Principal
from server.auth.secrets_file import load_or_make
from server.auth.tokens import AccessTokens
from server.data_dir import DataDir
from server.feed import EventFeed
from server.live import Live
from server.metrics import Metrics
from server.pages import Pages
from server.web_session import WebSession

_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Browsers:
    """What is there for browsers beside the API."""

    softphones: SoftphoneAccess
    pages: Pages | None = None
    tls: ssl.SSLContext | None = None
    """With it everything is https."""


class HttpServer:
    def __init__(
        self,
        settings: HttpSettings,
        database: Database,
        data: DataDir,
        live: Live,
        metrics: Metrics,
        *,
        missing: Callable[[], Awaitable[list[str]]],
        browsers: Browsers,
    ) -> None:
        self._settings = settings
        self._live = live
        self._metrics = metrics
        self._missing = missing
        self._browsers = browsers
        lifetime = timedelta(seconds=settings.access_token_seconds)
        self.accounts = Accounts(database)
        self._tokens = AccessTokens(
            load_or_make(data.token_key), lifetime=lifetime, admits=self.accounts.admits
        )
        self.feed = EventFeed(self._tokens, self._snapshot)
        self.accounts.follow(self.feed.refuse_strangers)
        self._passwords = Passwords()
        auth = self._auth(database)
        self._web_session = WebSession(auth)
        self.operations = self._all_operations(auth, database, data)
        self._description: bytes | None = None
        self._describing = asyncio.Lock()
        self._runner = web.AppRunner(self._app(), access_log=None, shutdown_timeout=1.0)
        self.address: tuple[str, int] = ("", 0)

    def _auth(self, database: Database) -> Auth:
        refresh = timedelta(seconds=self._settings.refresh_token_seconds)
        return Auth(
            database,
            self._tokens,
            self.accounts,
            self._passwords,
            LoginGuard(),
            refresh_lifetime=refresh,
        )

    def _all_operations(self, auth: Auth, database: Database, data: DataDir) -> list[Operation]:
        resources = (
            auth,
            Agents(self._live),
            AgentSettings(database, self._live, self.accounts, self._browsers.softphones.realm),
            Queues(self._live),
            QueueSettings(database, self._live),
            Calls(database, self._live),
            WrapUp(database, self._live),
            Contacts(database, self._live),
            Staffing(database, self._live),
            DeviceTests(database),
            Help(database, self._live),
            CallControl(self._live, self.accounts),
            Softphone(self.accounts, self._browsers.softphones),
            Recordings(database, data.recordings),
            Configuration(database, self._live),
            Trunks(database, self._live),
            Phones(database, self._live, self._browsers.softphones.realm),
            Hours(database, self._live),
            Sounds(database, self._live, data.sounds),
            Users(database, self.accounts, self._passwords),
            Trail(database),
        )
        return [operation for resource in resources for operation in resource.operations()]

    async def start(self) -> None:
        """Raises AddressUnusable."""
        await self._runner.setup()
        host, port = str(self._settings.host), self._settings.port
        site = web.TCPSite(self._runner, host, port, ssl_context=self._browsers.tls)
        try:
            await site.start()
        except OSError as error:
            await self._runner.cleanup()
            raise AddressUnusable("http", host, port, error) from error
        self.address = self._runner.addresses[0][:2]

    async def stop(self) -> None:
        self.feed.close()
        await self._runner.cleanup()

    def _app(self) -> web.Application:
        app = web.Application(middlewares=[_careful, errors_as_json], client_max_size=MAX_BODY)
        add_operations(app, self.operations, self._tokens)
        app.router.add_get(PREFIX + "/openapi.json", self._describe)
        app.router.add_get("/ws/v1/events", self.feed.handle)
        app.router.add_get("/healthz", self._health)
        app.router.add_get("/readyz", self._ready)
        app.router.add_get("/metrics", self._show_metrics)
        self._web_session.add_to(app)
        if self._browsers.pages is not None:
            self._browsers.pages.add_to(app)
        return app

    async def _describe(self, _: web.Request) -> web.Response:
        """Made when first asked for: a third of a second, in which nobody else should wait."""
        async with self._describing:
            if self._description is None:
                self._description = await asyncio.to_thread(self._describe_all)
        return web.Response(body=self._description, content_type="application/json")

    def _describe_all(self) -> bytes:
        return json.dumps(document(self.operations, version=_version())).encode()

    async def _health(self, _: web.Request) -> web.Response:
        return web.json_response({"status": "alive"})

    async def _ready(self, _: web.Request) -> web.Response:
        missing = await self._missing()
        if missing:
            return web.json_response({"status": "not ready", "missing": missing}, status=503)
        return web.json_response({"status": "ready", "missing": []})

    async def _show_metrics(self, _: web.Request) -> web.Response:
        body = self._metrics.render()
        return web.Response(body=body, headers={"Content-Type": _CONTENT_TYPE})

    def _snapshot(self, who: Principal) -> dict[str, Any]:
        """What a new listener of the feed sees first."""
        return {
            "agents": [a.model_dump(mode="json") for a in Agents(self._live).seen_by(who)],
            "queues": [q.model_dump(mode="json") for q in Queues(self._live).seen_by(who)],
            "calls": [c.model_dump(mode="json") for c in Calls.live_seen_by(self._live, who)],
        }


@web.middleware
async def _careful(
    request: web.Request, handler: Callable[[web.Request], Any]
) -> web.StreamResponse:
    """Headers every answer carries: nothing is guessed, framed or kept by somebody in between."""
    response: web.StreamResponse = await handler(request)
    if not response.prepared:
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        response.headers.setdefault("X-Frame-Options", "DENY")
        response.headers.setdefault("Cache-Control", "no-store")
    return response


def _version() -> str:
    try:
        return version("murima")
    except PackageNotFoundError:
        return "0.1.0"
