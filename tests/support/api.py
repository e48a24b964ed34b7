"""The HTTP API over a real database, with a running system that only pretends to run."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any
from uuid import UUID, uuid4

from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient, TestServer

from casecore.db.database import Database
from casecore.permissions import Role
from casecore.store import calls, legs, recordings
from casecore.store.users import UserValues, insert_user
from config.settings import HttpSettings, IceSettings
from config.tenancy import TenantId
from routing.agents import AgentSnapshot
from routing.errors import DispositionMissing
from routing.events import AgentId, AgentState, QueueId, WorkId
from routing.queues import QueueSnapshot
from server.api.resources.softphone import SoftphoneAccess
from server.auth.principal import Principal
from server.auth.tickets import Tickets
from server.data_dir import DataDir
from server.http import Browsers, HttpServer
from server.ice_servers import IceServers
from server.live import Live
from server.metrics import Metrics
from server.readiness import Readiness
from telephony.calls.call import Call, CallSnapshot, LegSnapshot
from telephony.errors import UnknownPhone
from telephony.events import CallId, Direction, LegRole
from telephony.trunk_status import OFF, TrunkStatus
from tests.support.records import World, at, make_world

SOUND = bytes(range(256)) * 8


class FakeLive(Live):
    """Does what it is told to tenants' agents and calls, and remembers what it was told."""

    def __init__(self) -> None:
        self.agents_of: dict[TenantId, list[AgentSnapshot]] = {}
        self.queues_of: dict[TenantId, list[QueueSnapshot]] = {}
        self.calls_of: dict[TenantId, list[CallSnapshot]] = {}
        self.phones_of: dict[TenantId, dict[str, tuple[str, ...]]] = {}
        self.originated: list[tuple[TenantId, str, str]] = []
        self.trunks_of: dict[TenantId, dict[UUID, TrunkStatus]] = {}
        self.reloads: list[TenantId] = []
        self.wrap_ups_ended: list[UUID] = []
        self.dispositions_taken: list[UUID] = []
        self.owing: set[UUID] = set()
        """Agents who have to give a disposition first."""

    def agents(self, tenant_id: TenantId) -> tuple[AgentSnapshot, ...]:
        return tuple(self.agents_of.get(tenant_id, ()))

    def queues(self, tenant_id: TenantId) -> tuple[QueueSnapshot, ...]:
        return tuple(self.queues_of.get(tenant_id, ()))

    def set_agent_state(
        self,
        tenant_id: TenantId,
        agent_id: UUID,
        state: AgentState,
        reason: str,
        *,
        excused: bool = False,
    ) -> AgentState:
        if state is AgentState.AVAILABLE:
            self._check_disposition(agent_id, excused)
        self.agents_of[tenant_id] = [
            replace(agent, state=state, reason=reason) if agent.id == agent_id else agent
            for agent in self.agents_of[tenant_id]
        ]
        return state

    def trunk(self, tenant_id: TenantId, trunk_id: UUID) -> TrunkStatus:
        return self.trunks_of.get(tenant_id, {}).get(trunk_id, OFF)

    def voice(self) -> str:
        return "en-gb"

    def end_wrap_up(self, tenant_id: TenantId, agent_id: UUID, *, excused: bool = False) -> None:
        self._check_disposition(agent_id, excused)
        self.wrap_ups_ended.append(agent_id)

    def take_disposition(self, tenant_id: TenantId, call_id: UUID) -> None:
        self.dispositions_taken.append(call_id)

    def _check_disposition(self, agent_id: UUID, excused: bool) -> None:
        if agent_id in self.owing and not excused:
            raise DispositionMissing("Please say what became of the last call first.")

    def calls(self, tenant_id: TenantId) -> tuple[CallSnapshot, ...]:
        return tuple(self.calls_of.get(tenant_id, ()))

    def originate(self, tenant_id: TenantId, from_user: str, to: str) -> CallId:
        if from_user not in self.phones_of.get(tenant_id, {}):
            raise UnknownPhone(from_user)
        self.originated.append((tenant_id, from_user, to))
        return CallId(uuid4())

    def hang_up(self, tenant_id: TenantId, call_id: UUID) -> bool:
        before = self.calls_of.get(tenant_id, [])
        self.calls_of[tenant_id] = [call for call in before if call.id != call_id]
        return len(before) > len(self.calls_of[tenant_id])

    def find_call(self, tenant_id: TenantId, call_id: UUID) -> Call | None:
        return None

    def phones(self, tenant_id: TenantId) -> dict[str, tuple[str, ...]]:
        return self.phones_of.get(tenant_id, {})

    async def reload(self, tenant_id: TenantId) -> None:
        self.reloads.append(tenant_id)


@dataclass(frozen=True, slots=True)
class Api:
    """Both tenants have one of everything; `there` is who must not be touched from `here`."""

    client: TestClient[web.Request, web.Application]
    http: HttpServer
    live: FakeLive
    database: Database
    here: World
    there: World
    users: dict[tuple[TenantId, Role], UUID]
    """Somebody of every role; the agent is the world's user."""

    def headers(
        self, role: Role, *, world: World | None = None, agent_id: UUID | None = None
    ) -> dict[str, str]:
        """What a person of that role sends; an agent is the world's, unless another is named."""
        world = world or self.here
        own = agent_id or (world.agent.id if role is Role.AGENT else None)
        user_id = self.users[world.tenant_id, role]
        if agent_id is not None:  # somebody of whom nothing but the token knows
            user_id = uuid4()
            self.http.accounts._enabled[world.tenant_id][user_id] = (role, agent_id)
        who = Principal(
            user_id=user_id,
            tenant_id=world.tenant_id,
            login=world.user.login,
            role=role,
            agent_id=AgentId(own) if own else None,
        )
        token = self.http._tokens.issue(who, now=datetime.now(UTC))
        return {"Authorization": f"Bearer {token}"}

    async def send(self, method: str, path: str, **how: Any) -> ClientResponse:
        return await self.client.request(method, "/api/v1" + path, **how)

    async def ask(
        self, method: str, path: str, *, role: Role | None = Role.ADMINISTRATOR, **how: Any
    ) -> tuple[int, Any]:
        """Status and decoded body, as a person of `here`."""
        headers = {**(self.headers(role) if role else {}), **how.pop("headers", {})}
        response = await self.send(method, path, headers=headers, **how)
        return response.status, await response.json()

    async def get(self, path: str, **how: Any) -> Any:
        status, body = await self.ask("GET", path, **how)
        assert status == 200, body
        return body["data"]


@asynccontextmanager
async def api_over(
    database: Database,
    here: TenantId,
    there: TenantId,
    folder: Path,
    *,
    missing: Callable[[], Awaitable[list[str]]] | None = None,
    ice: IceSettings = IceSettings(),  # noqa: B008 - it is frozen
) -> AsyncIterator[Api]:
    data = DataDir(folder)
    live = FakeLive()
    missing = missing or Readiness({}, database.ping, clock=monotonic).missing
    http = HttpServer(
        HttpSettings(),
        database,
        data,
        live,
        Metrics(),
        missing=missing,
        browsers=Browsers(
            SoftphoneAccess(
                Tickets(b"k" * 32, lifetime=timedelta(hours=1)),
                lambda _: "ws://127.0.0.1:5066/",
                lambda: "127.0.0.1",
                IceServers(ice),
                "here",
            )
        ),
    )
    worlds = [await _fill(database, tenant_id, live, data) for tenant_id in (here, there)]
    async with TestClient(TestServer(http._app())) as client:
        users = {k: v for world in worlds for k, v in (await _users(database, world)).items()}
        await http.accounts.refresh_all()
        yield Api(client, http, live, database, worlds[0], worlds[1], users)


async def _users(database: Database, world: World) -> dict[tuple[TenantId, Role], UUID]:
    tenant_id = world.tenant_id
    made = {(tenant_id, Role.AGENT): world.user.id}
    async with database.tenant_tx(tenant_id) as db:
        for role in set(Role) - {Role.AGENT}:
            values = UserValues(login=role.value, display=role.value.title(), role=role)
            made[tenant_id, role] = (await insert_user(db, tenant_id, values, "none")).id
    return made


async def _fill(database: Database, tenant_id: TenantId, live: FakeLive, data: DataDir) -> World:
    async with database.tenant_tx(tenant_id) as db:
        world = await make_world(db, tenant_id)
        await legs.update_answered(db, tenant_id, world.leg.id, at(8), "PCMU")
        await calls.update_answered(db, tenant_id, world.call.id, at(2))
        file = f"{tenant_id}/{world.recording_id}.wav"
        stored = recordings.StoredFile(
            at=at(30),
            file=file,
            duration_ms=20_000,
            size_bytes=len(SOUND),
            sha256="0" * 64,
            channels=2,
            complete=True,
        )
        await recordings.update_stored(db, tenant_id, world.recording_id, stored)
    path = data.recordings / file
    path.parent.mkdir(parents=True)
    path.write_bytes(SOUND)
    live.agents_of[tenant_id] = [agent_snapshot(world.agent.id)]
    live.queues_of[tenant_id] = [_queue_snapshot(world)]
    live.calls_of[tenant_id] = [call_snapshot(tenant_id, agent_id=world.agent.id)]
    live.phones_of[tenant_id] = {"1001": ("sip:1001@192.0.2.1:5060",), "1002": ()}
    return world


def agent_snapshot(agent_id: UUID, extension: str = "1001") -> AgentSnapshot:
    return AgentSnapshot(
        id=AgentId(agent_id),
        name="Anna",
        extension=extension,
        state=AgentState.OFFLINE,
        reason="",
        pending=None,
        since=at(0),
        work_id=None,
        reachable=True,
        skills={"sales": 5},
    )


def call_snapshot(tenant_id: TenantId, *, agent_id: UUID | None) -> CallSnapshot:
    caller = LegSnapshot(uuid4(), LegRole.CALLER, "+4930123", None, True, False)
    agent = LegSnapshot(uuid4(), LegRole.AGENT, "1001", agent_id, True, False)
    return CallSnapshot(
        id=CallId(uuid4()),
        tenant_id=tenant_id,
        direction=Direction.INBOUND,
        caller="+4930123",
        called="5000",
        started_at=at(0),
        answered_at=at(2),
        state="talking",
        node="sales",
        queue="sales",
        agent_id=agent_id,
        legs=(caller, agent),
    )


def _queue_snapshot(world: World) -> QueueSnapshot:
    return QueueSnapshot(
        id=QueueId(world.queue.id),
        name="sales",
        skill="sales",
        waiting=1,
        longest_wait_ms=1_500,
        agents_available=0,
        agents_logged_in=1,
        work_ids=(WorkId(uuid4()),),
        offered=4,
        answered=1,
        abandoned=1,
        flowed_out=1,
        answered_in_time=1,
        abandoned_short=0,
        service_level=50.0,
        service_level_seconds=20.0,
        service_level_target=80.0,
        short_abandon_seconds=5.0,
    )
