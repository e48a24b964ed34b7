"""The composition root: builds every part once, starts them in order and stops them in reverse."""

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack, suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from casecore.db.database import Database
from casecore.db.embedded import EmbeddedPostgres
from casecore.store import calls
from casecore.store.agent_states import list_last_states
from casecore.store.queue_visits import list_days
from casecore.store.snapshots import TenantSnapshot, load_tenant
from casecore.store.tenants import list_tenants
from config.settings import Settings
from config.tenancy import TenantId
from media.engine import MediaEngine
from media.errors import MediaError
from media.prompts import PromptStore
from media.sound_files import SoundFiles
from server.addresses import AddressUnusable
from server.api.resources.softphone import SoftphoneAccess
from server.auth.secrets_file import load_or_make
from server.auth.tickets import Tickets
from server.bindings.agent_states import resume_states
from server.bindings.queue_days import days_began, resume_days
from server.bindings.records import Records
from server.bindings.snapshots import agents_of, directory_of, queues_of
from server.bus import EventBus
from server.changes import Changes
from server.data_dir import DataDir
from server.demo import offer_demo
from server.dispatchers import Dispatchers
from server.gauges import expiry_gauge, gauges_of
from server.greeting import greeting
from server.http import Browsers, HttpServer
from server.ice_servers import IceServers
from server.journal.journal import Journal
from server.journal.segments import Segments
from server.live import Live
from server.metrics import Metrics
from server.pages import Pages
from server.readiness import Readiness
from server.tls import TlsCertificate
from server.trunks import watch_trunks
from server.web_addresses import WebAddresses
from telephony.access import Access
from telephony.binding_file import BindingFile
from telephony.calls.context import CallContext
from telephony.calls.quality_watch import QualityWatch
from telephony.directory import Directory
from telephony.endpoint import Connections, SipEndpoint
from telephony.offers import AgentOffers
from telephony.phone_checks import PhoneChecks
from telephony.registrar import Registrar
from telephony.sip.digest import DigestChallenger
from telephony.switchboard import Switchboard
from telephony.transport.flow import Flow
from telephony.transport.ws import BrowserDoor

log = logging.getLogger(__name__)

_NODE = "main"
"""Name of this node in the journal's table; a cluster will name each of its nodes."""
_LAG_SECONDS = 0.5
_TICKET_LIFETIME = timedelta(hours=1)
_LAST_RECORDS_SECONDS = 5.0
"""How long a stopping server waits for the database to take its last records."""


async def serve(
    settings: Settings,
    stop: asyncio.Event,
    say: Callable[[str], None],
    *,
    reread: asyncio.Event | None = None,
) -> None:
    """Run the server until `stop` is set. Raises what `server.__main__` explains to people.

    `reread` has the certificate's files read again; who listens to it clears it.
    """
    began = time.monotonic()
    data = DataDir(settings.data_dir)
    async with AsyncExitStack() as stack:
        stack.enter_context(data.locked())
        tasks = await stack.enter_async_context(asyncio.TaskGroup())
        tls = await _certificate(settings, stack, tasks, reread or asyncio.Event())
        database = await _database(settings, data, stack, tasks)
        passwords = await offer_demo(settings, data, database)
        server = _Server(settings, data, database, tasks, tls)
        await server.start(stack)
        say(
            greeting(
                settings,
                sip=server.endpoint.bound["udp"],
                page=server.web.page_url(),
                passwords=passwords,
                passwords_file=data.demo_passwords,
                seconds=time.monotonic() - began,
            )
        )
        await stop.wait()
        log.info("stopping: no new calls are taken")
        server.endpoint.drain = True
        await server.switchboard.drain(settings.shutdown_grace_seconds)


class _Server:
    """The parts that work together while the server runs."""

    def __init__(
        self,
        settings: Settings,
        data: DataDir,
        database: Database,
        tasks: asyncio.TaskGroup,
        tls: TlsCertificate | None,
    ) -> None:
        self.settings = settings
        self.database = database
        self._tasks = tasks
        self._tls = tls
        self._reloading = asyncio.Lock()
        self.bus = EventBus()
        self.metrics = Metrics()
        self.journal = Journal(Segments(data.journal), Records(database, node=_NODE))
        self.engine = MediaEngine(settings.media, alarm=_alarm)
        self.offers = AgentOffers()
        self.dispatchers = Dispatchers(tasks, self.offers, self.bus.publish)
        self.registrar = Registrar(
            least_seconds=settings.sip.registration_min_seconds,
            most_seconds=settings.sip.registration_max_seconds,
            most_contacts=settings.sip.max_contacts,
        )
        self.tickets = Tickets(load_or_make(data.token_key), lifetime=_TICKET_LIFETIME)
        self.access = self._access(data)
        self.switchboard = Switchboard(
            tasks, self.access, self.offers, max_calls=settings.sip.max_calls
        )
        self.web = WebAddresses(
            settings, http=lambda: self.http.address, ws=lambda: self.endpoint.bound["ws"]
        )
        self.endpoint = self._sip_endpoint()
        self.trunks = watch_trunks(self.endpoint, tasks, settings.trunks, data, self.bus.publish)
        self.context = self._call_context(data)
        self.switchboard.connect(self.context)
        self.http = self._http_server(data)

    def _http_server(self, data: DataDir) -> HttpServer:
        settings = self.settings
        return HttpServer(
            settings.http,
            self.database,
            data,
            Live(self.switchboard, self.dispatchers, self.trunks, self.reload),
            self.metrics,
            missing=self._readiness().missing,
            browsers=Browsers(
                SoftphoneAccess(
                    self.tickets,
                    self.web.phone_url,
                    self._domain,
                    IceServers(settings.ice),
                    settings.sip.realm,
                ),
                Pages(self.web.phone_url),
                self._tls.context if self._tls else None,
            ),
        )

    def _sip_endpoint(self) -> SipEndpoint:
        return SipEndpoint(
            self.settings.sip,
            self.switchboard,
            connections=Connections(
                lost=self._flow_lost,
                newer=self.registrar.newer_flow,
                door=BrowserDoor(
                    admit=self.access.admit,
                    own_page=self.web.is_own_page,
                    tls=self._tls.context if self._tls else None,
                ),
            ),
        )

    def _access(self, data: DataDir) -> Access:
        sip = self.settings.sip
        challenger = DigestChallenger(
            sip.realm,
            load_or_make(data.nonce_key),
            nonce_seconds=sip.nonce_seconds,
            algorithms=sip.digest_algorithms,
        )
        return Access(
            lambda: self.context.directory,
            self.registrar,
            challenger,
            clock=asyncio.get_running_loop().time,
            random=secrets.token_bytes,
            phone_of_ticket=self.tickets.phone_of,
            trunk_of_line=lambda line: self.trunks.trunk_of_line(line),
        )

    def _call_context(self, data: DataDir) -> CallContext:
        media, sounds = self.settings.media, SoundFiles(data.sounds)
        sounds.tidy()
        return CallContext(
            endpoint=self.endpoint,
            engine=self.engine,
            prompts=PromptStore(data.prompt_cache, files_folder=data.prompts, voice=media.voice),
            registrar=self.registrar,
            dispatchers=self.dispatchers.of,
            publish=self.bus.publish,
            recordings=data.recordings,
            sound_path=sounds.path,
            music=media.music_folder,
            trunk_is_down=self.trunks.is_down,
            utcnow=lambda: datetime.now(UTC),
            new_id=uuid4,
            directory=Directory(),
            bindings=BindingFile(data.registrations),
        )

    def _readiness(self) -> Readiness:
        parts = {
            "journal": lambda: not self.journal.behind,
            "media engine": lambda: self.engine.is_running,
            # A server that is about to stop takes no new calls.
            "SIP": lambda: self._listens() and not self.endpoint.drain,
        }
        return Readiness(parts, self.database.ping, clock=asyncio.get_running_loop().time)

    def _listens(self) -> bool:
        return all(port for _, port in self.endpoint.bound.values())

    async def start(self, stack: AsyncExitStack) -> None:
        """Start the parts; each is stopped by `stack` in reverse order."""
        self.metrics.follow(self.bus)
        self.metrics.read_trunks(self.trunks.all)
        self.metrics.read_at_scrape(
            [
                *gauges_of(
                    self.switchboard, self.endpoint, self.engine, self.journal, self.http.feed
                ),
                *([expiry_gauge(self._tls)] if self._tls else []),
            ]
        )
        self.bus.subscribe_every(self.journal.append)
        self.bus.subscribe_every(self.http.feed.publish)
        started = datetime.now(UTC)
        self._meanwhile(stack, self.journal.run(), "journal")
        stack.push_async_callback(self._store_last_records)
        await self._close_interrupted(started)
        await self.reload()
        await self._resume_agents()
        await self._resume_days()
        await self.http.accounts.refresh_all()
        changes = Changes(self.database, self.http.accounts, self.reload)
        self._meanwhile(stack, changes.run(), "changes")
        self._meanwhile(stack, self._warm_up(), "warm up")
        self._meanwhile(stack, self._measure_lag(), "loop lag")
        await self.engine.start()
        stack.push_async_callback(self.engine.stop)
        stack.callback(self.dispatchers.stop)
        await self.http.start()
        stack.push_async_callback(self.http.stop)
        await self._start_endpoint()
        stack.push_async_callback(self.endpoint.stop)
        await self.switchboard.registrations.restore()
        self.trunks.start()
        stack.push_async_callback(self.trunks.close)
        self._look_after_phones(stack)

    def _look_after_phones(self, stack: AsyncExitStack) -> None:
        checks = PhoneChecks(self.context, self.switchboard.registrations.refresh_reachability)
        watch = QualityWatch(self.switchboard.running, self.http.feed.publish, self.context.utcnow)
        self._meanwhile(stack, checks.run(), "check phones")
        self._meanwhile(stack, watch.run(), "quality of calls")

    def _meanwhile(self, stack: AsyncExitStack, work: Coroutine[Any, Any, None], name: str) -> None:
        """Let it go on until `stack` is left."""
        stack.callback(self._tasks.create_task(work, name=name).cancel)

    async def _start_endpoint(self) -> None:
        try:
            await self.endpoint.start()
        except OSError as error:
            sip = self.settings.sip
            raise AddressUnusable("sip", str(sip.host), sip.udp_port, error) from error

    async def reload(self, tenant_id: TenantId | None = None) -> None:
        """Read the configuration again; calls that are there keep what they began with."""
        del tenant_id  # the whole is small enough to be read at once
        # One at a time: of two, the one that read first could otherwise be the last to be used.
        async with self._reloading:
            await self._reload()

    async def _reload(self) -> None:
        snapshots = await self._snapshots()
        self.context.directory = directory_of(snapshots)
        self.trunks.configure(self.context.directory.all_trunks())
        for snapshot in snapshots:
            dispatcher = self.dispatchers.open(snapshot.tenant.id)
            dispatcher.configure(queues_of(snapshot), agents_of(snapshot))
        self.switchboard.registrations.refresh_reachability()

    def _domain(self) -> str:
        return self.endpoint.bound["udp"][0]

    def _flow_lost(self, flow: Flow) -> None:
        self.access.drop_flow(flow)
        self.switchboard.registrations.drop_flow(flow)

    async def _snapshots(self) -> list[TenantSnapshot]:
        async with self.database.system_tx() as db:
            tenants = await list_tenants(db)
        snapshots = []
        for tenant in tenants:
            async with self.database.tenant_tx(tenant.id) as db:
                snapshots.append(await load_tenant(db, tenant.id))
        return snapshots

    async def _close_interrupted(self, started: datetime) -> None:
        """Calls that a killed server left open are ended on record, once the journal is read."""
        await self.journal.caught_up()
        async with self.database.system_tx() as db:
            tenants = await list_tenants(db)
        for tenant in tenants:
            async with self.database.tenant_tx(tenant.id) as db:
                found = await calls.close_interrupted(db, tenant.id, started)
            if found:
                log.warning("calls were interrupted by a crash", extra={"calls": len(found)})

    async def _resume_agents(self) -> None:
        for tenant_id in self.dispatchers.tenants():
            async with self.database.tenant_tx(tenant_id) as db:
                last = await list_last_states(db, tenant_id)
            resume_states(self.dispatchers.of(tenant_id), last)

    async def _resume_days(self) -> None:
        now = datetime.now(UTC)
        for snapshot in await self._snapshots():
            tenant_id, queues = snapshot.tenant.id, queues_of(snapshot)
            async with self.database.tenant_tx(tenant_id) as db:
                days = await list_days(db, tenant_id, days_began(queues, now))
            resume_days(self.dispatchers.of(tenant_id), queues, days, now)

    async def _store_last_records(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(_LAST_RECORDS_SECONDS):
                await self.journal.caught_up()

    async def _warm_up(self) -> None:
        """Our own music takes half a second to be made: not while the first caller waits."""
        with suppress(MediaError, OSError):
            await self.context.prompts.music(self.settings.media.music_folder)

    async def _measure_lag(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + _LAG_SECONDS
            await asyncio.sleep(_LAG_SECONDS)
            self.metrics.loop_lag.observe(max(0.0, loop.time() - due))


async def _certificate(
    settings: Settings, stack: AsyncExitStack, tasks: asyncio.TaskGroup, reread: asyncio.Event
) -> TlsCertificate | None:
    if not settings.tls.is_on:
        return None
    certificate = await asyncio.to_thread(TlsCertificate, settings.tls)
    watching = tasks.create_task(certificate.watch(reread), name="certificate")
    stack.callback(watching.cancel)
    return certificate


async def _database(
    settings: Settings, data: DataDir, stack: AsyncExitStack, tasks: asyncio.TaskGroup
) -> Database:
    url = settings.database.url
    if url is not None:
        source: str | EmbeddedPostgres = url.get_secret_value()
    else:
        source = embedded = EmbeddedPostgres(data.postgres)
        await embedded.start()
        stack.push_async_callback(embedded.stop)
        watching = tasks.create_task(embedded.supervise(), name="embedded PostgreSQL")
        stack.callback(watching.cancel)
    database = await Database.open(source, pool_size=settings.database.pool_size)
    stack.push_async_callback(database.close)
    return database


def _alarm(text: str) -> None:
    log.error("alarm: media", extra={"alarm": text})
