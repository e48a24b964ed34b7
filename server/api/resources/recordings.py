"""Recordings: what there is, and its sound."""

from datetime import datetime
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

from aiohttp import web
from pydantic import Field

from casecore.db.database import Database
from casecore.paging import Page
from casecore.permissions import Permission
from casecore.store import calls, recordings
from server.api.errors import Forbidden, NotFound
from server.api.models import Moment, OutModel, Paged, PageQuery, Text
from server.api.operation import Operation
from server.auth.principal import Principal


class RecordingOut(OutModel):
    id: UUID
    call_id: UUID
    kind: str
    """`call` or `voicemail`."""
    started_at: datetime
    stored_at: datetime | None
    duration_ms: int | None
    size_bytes: int | None
    sha256: str | None
    channels: int | None
    complete: bool
    failed_reason: str | None
    caller: str | None
    called: str | None
    agent_name: str | None
    """Who served the call last."""


class RecordingQuery(PageQuery):
    sort: Literal["started_at", "duration_ms", "size_bytes"] = "started_at"
    call_id: UUID | None = None
    kind: Literal["call", "voicemail"] | None = None
    since: Moment | None = None
    until: Moment | None = None
    q: Text = Field(default="", max_length=80)
    """Part of the caller's number or of the agent's name."""


class Recordings:
    def __init__(self, database: Database, folder: Path) -> None:
        self._database = database
        self._folder = folder.resolve()

    def operations(self) -> list[Operation]:
        by_id = {"id": UUID}
        common: dict[str, Any] = {"tag": "recordings", "may": Permission.HEAR_OWN_RECORDINGS}
        return [
            Operation(
                method="GET", path="/recordings", handler=self.list_recordings,
                query=RecordingQuery, returns=RecordingOut, many=True,
                summary="Recordings, newest first.", **common,
            ),
            Operation(
                method="GET", path="/recordings/{id}", handler=self.fetch_recording,
                parameters=by_id, returns=RecordingOut, summary="One recording.", **common,
            ),
            Operation(
                method="GET", path="/recordings/{id}/audio", handler=self.play, parameters=by_id,
                file_type="audio/wav", summary="The sound; ranges are served.", **common,
            ),
        ]  # fmt: skip

    async def list_recordings(self, who: Principal, query: RecordingQuery) -> Paged[RecordingOut]:
        hears_all = who.may(Permission.HEAR_ALL_RECORDINGS)
        if not hears_all and who.agent_id is None:
            return Paged([], 0)
        wanted = recordings.RecordingFilter(
            call_id=query.call_id,
            kind=query.kind,
            started_from=query.since,
            started_before=query.until,
            agent_id=None if hears_all else who.agent_id,
            party=query.q,
        )
        page = Page(query.limit, query.offset, query.sort, query.order)
        async with self._database.tenant_tx(who.tenant_id) as db:
            rows = await recordings.list_recordings(db, who.tenant_id, page, wanted)
        return Paged([RecordingOut.model_validate(row) for row in rows.items], rows.total)

    async def fetch_recording(self, who: Principal, id: UUID) -> RecordingOut:
        return RecordingOut.model_validate(await self._find(who, id))

    async def play(self, who: Principal, id: UUID) -> web.StreamResponse:
        recording = await self._find(who, id)
        path = (self._folder / recording.file).resolve() if recording.file else None
        if path is None or not path.is_relative_to(self._folder) or not path.is_file():
            raise NotFound("The sound of this recording is not there.")
        return web.FileResponse(path, headers={"Content-Type": "audio/wav"})

    async def _find(self, who: Principal, id: UUID) -> recordings.Recording:
        hears_all = who.may(Permission.HEAR_ALL_RECORDINGS)
        if not hears_all and who.agent_id is None:
            raise Forbidden("Only agents have recordings of their own.")
        async with self._database.tenant_tx(who.tenant_id) as db:
            recording = await recordings.fetch_recording(db, who.tenant_id, id)
            if hears_all or who.agent_id is None:
                return recording
            if not await calls.call_involves_agent(
                db, who.tenant_id, recording.call_id, who.agent_id
            ):
                raise NotFound
        return recording
