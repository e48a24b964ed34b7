"""Queues as administrators set them up."""

from contextlib import suppress
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from casecore.db.connection import Connection
from casecore.db.database import Database
from casecore.errors import NotFound
from casecore.permissions import Permission
from casecore.store import queues, sounds
from routing.ivr.document import name_key
from routing.ivr.nodes import Zone
from server.api.administration import note, op, taken
from server.api.errors import Conflict, FieldError, Unprocessable
from server.api.in_use import flows_to_queue
from server.api.models import ApiModel, Name, OutModel, Text
from server.api.operation import Operation
from server.auth.principal import Principal
from server.live import Live

Seconds = Annotated[float, Field(ge=0, le=86_400, allow_inf_nan=False)]


class QueueIn(ApiModel):
    name: Name
    """What flows call it by."""
    skill: Annotated[Text, Field(min_length=1, max_length=40)]
    """Agents who have it serve the queue."""
    minimum_level: int = Field(default=1, ge=1, le=5)
    priority: int = Field(default=0, ge=-100, le=100)
    """Callers of the queue with the higher one come first."""
    ring_seconds: float = Field(default=20.0, ge=1, le=600, allow_inf_nan=False)
    """How long an agent's phone rings before the next one's does."""
    wrap_up_seconds: Seconds = 10.0
    announce_every_seconds: Seconds = 30.0
    """0 for no announcements."""
    max_waiting: int = Field(default=100, ge=0, le=10_000)
    max_wait_seconds: Annotated[float, Field(ge=1, le=86_400, allow_inf_nan=False)] | None = None
    """Callers who have waited that long leave; null for no limit."""
    music: Annotated[UUID, Field(strict=False)] | None = None
    """A sound of the kind `music`; the installation's music when null."""
    service_level_seconds: Annotated[float, Field(ge=1, le=3_600, allow_inf_nan=False)] = 20.0
    """Callers answered within it are served in time."""
    service_level_target: Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)] = 80.0
    """Percent of the callers that ought to be served in time."""
    short_abandon_seconds: Annotated[float, Field(ge=0, le=600, allow_inf_nan=False)] = 5.0
    """Callers who hang up within it do not count in the service level."""
    time_zone: Zone = "UTC"
    """Where it is midnight when the counts of a new day begin, such as Europe/Berlin."""
    auto_answer: bool = False
    """Agents' phones take its calls by themselves, after a tone."""
    disposition_required: bool = False
    """Whoever took a call gets the next one only after saying what became of it: giving it a
    disposition, or, where the tenant has none, saving the wrap-up."""
    disposition_seconds: Annotated[float, Field(ge=30, le=86_400, allow_inf_nan=False)] = 900.0
    """How long that is waited for after a call; then the agent is away for the reason
    `no_disposition`."""


class QueueSettingsOut(OutModel):
    id: UUID
    name: str
    skill: str
    minimum_level: int
    priority: int
    ring_seconds: float
    wrap_up_seconds: float
    announce_every_seconds: float
    max_waiting: int
    max_wait_seconds: float | None
    music: UUID | None
    service_level_seconds: float
    service_level_target: float
    short_abandon_seconds: float
    time_zone: str
    auto_answer: bool
    disposition_required: bool
    disposition_seconds: float


class QueueSettings:
    """Every change is on the audit trail and in force at once."""

    def __init__(self, database: Database, live: Live) -> None:
        self._database = database
        self._live = live

    def operations(self) -> list[Operation]:
        may: dict[str, Any] = {
            "may": Permission.CHANGE_CONFIGURATION,
            "errors": (Conflict, Unprocessable),
        }
        queue: dict[str, Any] = {"parameters": {"id": UUID}}
        return [
            op("POST", "/queues", self.add_queue, "Add a queue.", **may,
               body=QueueIn, returns=QueueSettingsOut, status=201),
            op("GET", "/queues/{id}", self.fetch_queue, "A queue's settings.", **queue,
               may=Permission.SEE_CONFIGURATION, returns=QueueSettingsOut),
            op("PUT", "/queues/{id}", self.change_queue, "Change a queue.", **queue, **may,
               body=QueueIn, returns=QueueSettingsOut),
            op("DELETE", "/queues/{id}", self.remove_queue,
               "Remove a queue; who waits in it goes on in the flow.", **queue, **may),
        ]  # fmt: skip

    async def add_queue(self, who: Principal, body: QueueIn) -> QueueSettingsOut:
        async with self._database.tenant_tx(who.tenant_id) as db:
            await _check_music(db, who, body)
            with _taken_name(body):
                row = await queues.insert_queue(db, who.tenant_id, _values(body))
            await note(db, who, "queue_added", row.id, **body.model_dump(mode="json"))
        await self._live.reload(who.tenant_id)
        return QueueSettingsOut.model_validate(row)

    async def fetch_queue(self, who: Principal, id: UUID) -> QueueSettingsOut:
        async with self._database.tenant_tx(who.tenant_id) as db:
            row = await queues.fetch_queue(db, who.tenant_id, id)
        return QueueSettingsOut.model_validate(row)

    async def change_queue(self, who: Principal, id: UUID, body: QueueIn) -> QueueSettingsOut:
        async with self._database.tenant_tx(who.tenant_id) as db:
            before = await queues.fetch_queue(db, who.tenant_id, id)
            if name_key(before.name) != name_key(body.name):
                await _check_unused(db, who, before, "body.name")
            await _check_music(db, who, body)
            with _taken_name(body):
                row = await queues.update_queue(db, who.tenant_id, id, _values(body))
            await note(db, who, "queue_changed", id, **body.model_dump(mode="json"))
        await self._live.reload(who.tenant_id)
        return QueueSettingsOut.model_validate(row)

    async def remove_queue(self, who: Principal, id: UUID) -> None:
        async with self._database.tenant_tx(who.tenant_id) as db:
            before = await queues.fetch_queue(db, who.tenant_id, id)
            await _check_unused(db, who, before, "path.id")
            await queues.delete_queue(db, who.tenant_id, id)
            await note(db, who, "queue_removed", id, name=before.name)
        await self._live.reload(who.tenant_id)


def _values(body: QueueIn) -> queues.QueueValues:
    return queues.QueueValues(**body.model_dump())


async def _check_music(db: Connection, who: Principal, body: QueueIn) -> None:
    if body.music is None:
        return
    with suppress(NotFound):
        sound = await sounds.fetch_sound(db, who.tenant_id, body.music)
        if sound.kind is sounds.SoundKind.MUSIC:
            return
    detail = FieldError("body.music", "there is no music of that id", "no_such_music")
    raise Unprocessable("The queue has nothing to play.", details=[detail])


def _taken_name(body: QueueIn) -> Any:
    return taken("body.name", f"another queue is called {body.name} already", body.name)


async def _check_unused(db: Connection, who: Principal, queue: queues.Queue, field: str) -> None:
    """Refuse what would leave callers of a published flow without their queue."""
    details = await flows_to_queue(db, who.tenant_id, queue.name, field)
    if details:
        raise Conflict(f"The queue {queue.name} is still in use.", details=details)
