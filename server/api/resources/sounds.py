"""Announcements and hold music: uploaded, or spoken from text."""

import asyncio
import time
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID, uuid4

from aiohttp import web
from pydantic import AfterValidator, Field

from casecore.db.connection import Connection
from casecore.db.database import Database
from casecore.permissions import Permission
from casecore.store import queues, sounds
from casecore.store.sounds import SoundKind
from media.audio import Audio
from media.errors import MediaError
from media.loudness import ANNOUNCEMENT_DBFS, MUSIC_DBFS
from media.sound_files import BadSoundFile, SoundFiles, StoredSound
from media.speech import MAX_TEXT, Speaker, clean_text
from media.wav import encode_wav
from routing.ivr.document import name_key
from server.api.administration import by_name, note, op, taken
from server.api.allowance import Allowance
from server.api.errors import (
    Conflict,
    FieldError,
    NotFound,
    TooManyRequests,
    Unprocessable,
    ValidationFailed,
)
from server.api.models import ApiModel, Name, OutModel, Paged, PageQuery, Text
from server.api.operation import Operation
from server.api.references import sounds_in, uses_in_flows
from server.api.upload import Upload, UploadedFile
from server.auth.principal import Principal
from server.live import Live

_MOST_SOUNDS = 500
"""Of one tenant."""
_UPLOAD = Upload(
    types=("audio/*", "video/mp4", "video/ogg", "application/ogg", "application/octet-stream"),
    most_bytes=20_000_000,
)
_UPLOAD_SECONDS = 120.0
_SPOKEN_PER_MINUTE = 20
_LEVELS = {SoundKind.ANNOUNCEMENT: ANNOUNCEMENT_DBFS, SoundKind.MUSIC: MUSIC_DBFS}


def _sayable(text: str) -> str:
    if not clean_text(text):
        raise ValueError("there is nothing to be said in it")
    return text


Kind = Annotated[SoundKind, Field(strict=False)]
Words = Annotated[Text, Field(min_length=1, max_length=MAX_TEXT), AfterValidator(_sayable)]
Voice = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_+-]{0,39}$")]


class SoundQuery(PageQuery):
    kind: Kind | None = None


class UploadQuery(ApiModel):
    name: Name
    """What flows call it by."""
    kind: Kind = SoundKind.ANNOUNCEMENT


class SoundChangeIn(ApiModel):
    name: Name


class PreviewIn(ApiModel):
    text: Words
    voice: Voice | None = None
    """One of `/sounds/voices`; the installation's own when null."""


class SpokenIn(PreviewIn):
    name: Name
    """What flows call it by."""
    kind: Kind = SoundKind.ANNOUNCEMENT


class VoiceOut(OutModel):
    id: str
    name: str
    is_default: bool


class SoundOut(OutModel):
    id: UUID
    name: str
    kind: SoundKind
    duration_ms: int
    size_bytes: int
    sha256: str
    spoken_text: str | None
    """What it says, when it was made from text."""
    voice: str | None
    created_at: datetime


class Sounds:
    """Every change is on the audit trail and in force for the next caller."""

    def __init__(
        self, database: Database, live: Live, folder: Path, *, speaker: Speaker | None = None
    ) -> None:
        self._database = database
        self._live = live
        self._files = SoundFiles(folder)
        # Not the one that speaks to callers: nobody on the phone waits for an administrator.
        self._speaker = speaker or Speaker(at_a_time=1)
        self._allowance = Allowance(_SPOKEN_PER_MINUTE, 60.0)

    def operations(self) -> list[Operation]:
        see: dict[str, Any] = {"may": Permission.SEE_CONFIGURATION}
        change: dict[str, Any] = {"may": Permission.CHANGE_CONFIGURATION}
        by_id: dict[str, Any] = {"parameters": {"id": UUID}}
        spoken: dict[str, Any] = {**change, "errors": (Conflict, TooManyRequests)}
        return [
            op("GET", "/sounds", self.list_sounds, "Announcements and music by name.", **see,
                query=SoundQuery, returns=SoundOut, many=True),
            op("POST", "/sounds", self.add_sound,
                "Upload a WAV, MP3, OGG, M4A or FLAC file as the body.", **change,
                query=UploadQuery, upload=_UPLOAD, returns=SoundOut, status=201,
                errors=(Conflict,)),
            op("POST", "/sounds/spoken", self.speak, "Have a text spoken and keep it.", **spoken,
                body=SpokenIn, returns=SoundOut, status=201),
            op("POST", "/sounds/preview", self.preview, "Hear a text without keeping it.",
                **spoken, body=PreviewIn, file_type="audio/wav"),
            op("GET", "/sounds/voices", self.list_voices, "Voices that can speak.", **see,
                returns=list[VoiceOut], errors=(Unprocessable,)),
            op("GET", "/sounds/{id}", self.fetch_sound, "An announcement or music.", **see,
                **by_id, returns=SoundOut),
            op("GET", "/sounds/{id}/audio", self.play, "The sound; ranges are served.", **see,
                **by_id, file_type="audio/wav"),
            op("PUT", "/sounds/{id}", self.change_sound, "Give it another name.", **change,
                **by_id, body=SoundChangeIn, returns=SoundOut, errors=(Conflict,)),
            op("DELETE", "/sounds/{id}", self.remove_sound, "Remove it.", **change, **by_id,
                errors=(Conflict,)),
        ]  # fmt: skip

    # --- reading

    async def list_sounds(self, who: Principal, query: SoundQuery) -> Paged[SoundOut]:
        async with self._database.tenant_tx(who.tenant_id) as db:
            rows = await sounds.list_sounds(db, who.tenant_id, by_name(query), query.kind)
        return Paged([SoundOut.model_validate(row) for row in rows.items], rows.total)

    async def fetch_sound(self, who: Principal, id: UUID) -> SoundOut:
        async with self._database.tenant_tx(who.tenant_id) as db:
            return SoundOut.model_validate(await sounds.fetch_sound(db, who.tenant_id, id))

    async def play(self, who: Principal, id: UUID) -> web.StreamResponse:
        await self.fetch_sound(who, id)
        path = self._files.path(who.tenant_id, id)
        if not await asyncio.to_thread(path.is_file):
            raise NotFound("The sound is not there any more.")
        return web.FileResponse(path, headers={"Content-Type": "audio/wav"})

    async def list_voices(self, who: Principal) -> list[VoiceOut]:
        del who  # the same for everybody
        default = self._live.voice()
        try:
            voices = await self._speaker.voices()
        except MediaError as error:
            raise Unprocessable(f"There are no voices: {error}.") from None
        return [VoiceOut(id=id, name=name, is_default=id == default) for id, name in voices]

    # --- changing

    async def add_sound(self, who: Principal, query: UploadQuery, upload: UploadedFile) -> SoundOut:
        await self._check_new(who, query.name, "query.name")
        id = uuid4()
        try:
            async with asyncio.timeout(_UPLOAD_SECONDS):
                await self._receive(who, id, upload)
            level = _LEVELS[query.kind]
            stored = await self._files.convert(who.tenant_id, id, target_dbfs=level)
            return await self._keep(who, id, query, stored)
        except BadSoundFile as error:
            detail = FieldError("body", str(error), "not_playable")
            raise Unprocessable("The file cannot be played.", details=[detail]) from None
        except TimeoutError:
            raise ValidationFailed("The upload took too long: try again.") from None
        finally:
            await self._files.remove_upload(who.tenant_id, id)

    async def speak(self, who: Principal, body: SpokenIn) -> SoundOut:
        await self._check_new(who, body.name, "body.name")
        voice = body.voice or self._live.voice()
        audio = await self._spoken(who, body.text, voice)
        id = uuid4()
        stored = await self._files.store(who.tenant_id, id, audio)
        return await self._keep(who, id, body, stored, text=body.text, voice=voice)

    async def preview(self, who: Principal, body: PreviewIn) -> web.StreamResponse:
        audio = await self._spoken(who, body.text, body.voice or self._live.voice())
        return web.Response(body=encode_wav(audio), content_type="audio/wav")

    async def change_sound(self, who: Principal, id: UUID, body: SoundChangeIn) -> SoundOut:
        async with self._database.tenant_tx(who.tenant_id) as db:
            before = await sounds.fetch_sound(db, who.tenant_id, id)
            if name_key(before.name) != name_key(body.name):
                # A queue knows it by its id.
                flows = await uses_in_flows(db, who.tenant_id, sounds_in, before.name, "body.name")
                _refuse(before, flows)
            with _taken_name(body.name, "body.name"):
                row = await sounds.rename_sound(db, who.tenant_id, id, body.name)
            await note(db, who, "sound_changed", id, name=body.name)
        await self._live.reload(who.tenant_id)
        return SoundOut.model_validate(row)

    async def remove_sound(self, who: Principal, id: UUID) -> None:
        async with self._database.tenant_tx(who.tenant_id) as db:
            before = await sounds.fetch_sound(db, who.tenant_id, id)
            _refuse(before, await _uses(db, who, before))
            await sounds.delete_sound(db, who.tenant_id, id)
            await note(db, who, "sound_removed", id, name=before.name)
        await self._live.reload(who.tenant_id)
        await self._files.remove(who.tenant_id, id)

    # --- inside

    async def _check_new(self, who: Principal, name: str, field: str) -> None:
        """Before anything is sent or made; whoever is quicker meanwhile is found later on."""
        async with self._database.tenant_tx(who.tenant_id) as db:
            there = await sounds.list_all_sounds(db, who.tenant_id)
        if len(there) >= _MOST_SOUNDS:
            raise Conflict(f"There are {_MOST_SOUNDS} sounds already: remove some first.")
        if name_key(name) in {name_key(each.name) for each in there}:
            message = f"another sound is called {name} already"
            detail = FieldError(field, message, "taken", {"value": name})
            raise Conflict("Something else has it already.", details=[detail])

    async def _receive(self, who: Principal, id: UUID, upload: UploadedFile) -> None:
        await self._files.prepare(who.tenant_id)
        path = self._files.upload_path(who.tenant_id, id)
        file = await asyncio.to_thread(path.open, "xb")
        try:
            async for piece in upload.pieces():
                await asyncio.to_thread(file.write, piece)
        finally:
            await asyncio.to_thread(file.close)

    async def _spoken(self, who: Principal, text: str, voice: str) -> Audio:
        self._allowance.use(who.user_id, now=time.monotonic())
        try:
            return await self._speaker.speak(clean_text(text), voice)
        except MediaError as error:
            detail = FieldError("body.voice", str(error), "not_spoken")
            raise Unprocessable("The text cannot be spoken.", details=[detail]) from None

    async def _keep(
        self,
        who: Principal,
        id: UUID,
        asked: UploadQuery | SpokenIn,
        stored: StoredSound,
        *,
        text: str | None = None,
        voice: str | None = None,
    ) -> SoundOut:
        values = sounds.SoundValues(
            id=id,
            name=asked.name,
            kind=asked.kind,
            duration_ms=stored.duration_ms,
            size_bytes=stored.size_bytes,
            sha256=stored.sha256,
            spoken_text=text,
            voice=voice,
        )
        field = "query.name" if isinstance(asked, UploadQuery) else "body.name"
        try:
            async with self._database.tenant_tx(who.tenant_id) as db:
                with _taken_name(asked.name, field):
                    row = await sounds.insert_sound(db, who.tenant_id, values)
                about = {"name": row.name, "kind": row.kind, "sha256": row.sha256, "text": text}
                await note(db, who, "sound_added", id, **about)
        except BaseException:
            await asyncio.shield(self._files.remove(who.tenant_id, id))
            raise
        await self._live.reload(who.tenant_id)
        return SoundOut.model_validate(row)


async def _uses(db: Connection, who: Principal, sound: sounds.Sound) -> list[FieldError]:
    in_flows = await uses_in_flows(db, who.tenant_id, sounds_in, sound.name, "path.id")
    in_queues = [
        FieldError(
            "path.id", f"the queue {queue.name} plays it", "queue_plays", {"queue": queue.name}
        )
        for queue in await queues.list_all_queues(db, who.tenant_id)
        if queue.music == sound.id
    ]
    return in_flows + in_queues


def _refuse(sound: sounds.Sound, uses: list[FieldError]) -> None:
    if uses:
        raise Conflict(f"The sound {sound.name} is still in use.", details=uses)


def _taken_name(name: str, field: str) -> Any:
    return taken(field, f"another sound is called {name} already", name)
