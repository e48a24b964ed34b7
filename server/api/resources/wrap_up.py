"""After a call: what became of it, and the list of what that may be."""

from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from casecore.db.connection import Connection
from casecore.db.database import Database
from casecore.permissions import Permission
from casecore.store import calls, dispositions
from server.api.administration import note, op, taken
from server.api.errors import Conflict, FieldError, NotFound, Unprocessable
from server.api.models import ApiModel, Name, OutModel
from server.api.operation import Operation
from server.auth.principal import Principal
from server.live import Live

Code = Annotated[str, Field(min_length=1, max_length=40, pattern=r"^[a-z0-9][a-z0-9_-]*$")]
Position = Annotated[int, Field(ge=0, le=10_000)]


class DispositionChangeIn(ApiModel):
    label: Name
    position: Position = 0
    """Place in the list; those with the same one are in the order of their codes."""


class DispositionIn(DispositionChangeIn):
    code: Code
    """What calls are marked with: it stays for ever."""


class DispositionOut(OutModel):
    code: str
    label: str
    position: int


class WrapUpIn(ApiModel):
    disposition: Annotated[str, Field(max_length=40)] | None = None
    """The code of one of the tenant's dispositions; null for none."""
    note: Annotated[str, Field(max_length=calls.MOST_NOTE)] = ""


class WrapUpOut(OutModel):
    disposition: str | None
    note: str


class WrapUp:
    def __init__(self, database: Database, live: Live) -> None:
        self._database = database
        self._live = live

    def operations(self) -> list[Operation]:
        change: dict[str, Any] = {"may": Permission.CHANGE_CONFIGURATION}
        one: dict[str, Any] = {"parameters": {"code": Code}, **change}
        return [
            op("GET", "/dispositions", self.list_dispositions,
               "What may become of a call, in the order to choose from.",
               returns=list[DispositionOut]),
            op("POST", "/dispositions", self.add_disposition, "Add a disposition.", **change,
               body=DispositionIn, returns=DispositionOut, status=201, errors=(Conflict,)),
            op("PUT", "/dispositions/{code}", self.change_disposition, "Label and place.", **one,
               body=DispositionChangeIn, returns=DispositionOut),
            op("DELETE", "/dispositions/{code}", self.remove_disposition,
               "Give a disposition up; calls that are marked with it stay so.", **one),
            op("PUT", "/calls/{id}/wrap-up", self.wrap_up,
               "Say what became of a call: for who took it, or a supervisor. Where the queue "
               "requires it, this makes the agent free for the next call.",
               parameters={"id": UUID}, may=Permission.CONTROL_OWN_CALLS, body=WrapUpIn,
               returns=WrapUpOut),
        ]  # fmt: skip

    async def list_dispositions(self, who: Principal) -> list[DispositionOut]:
        async with self._database.tenant_tx(who.tenant_id) as db:
            rows = await dispositions.list_dispositions(db, who.tenant_id)
        return [DispositionOut.model_validate(row) for row in rows]

    async def add_disposition(self, who: Principal, body: DispositionIn) -> DispositionOut:
        values = dispositions.Disposition(**body.model_dump())
        async with self._database.tenant_tx(who.tenant_id) as db:
            message = f"there is a disposition {body.code} already"
            with taken("body.code", message, body.code):
                row = await dispositions.insert_disposition(db, who.tenant_id, values)
            await note(db, who, "disposition_added", row.code, label=row.label)
        return DispositionOut.model_validate(row)

    async def change_disposition(
        self, who: Principal, code: str, body: DispositionChangeIn
    ) -> DispositionOut:
        values = dispositions.Disposition(code=code, **body.model_dump())
        async with self._database.tenant_tx(who.tenant_id) as db:
            row = await dispositions.update_disposition(db, who.tenant_id, values)
            await note(db, who, "disposition_changed", code, label=row.label)
        return DispositionOut.model_validate(row)

    async def remove_disposition(self, who: Principal, code: str) -> None:
        async with self._database.tenant_tx(who.tenant_id) as db:
            await dispositions.delete_disposition(db, who.tenant_id, code)
            await note(db, who, "disposition_removed", code)

    async def wrap_up(self, who: Principal, id: UUID, body: WrapUpIn) -> WrapUpOut:
        async with self._database.tenant_tx(who.tenant_id) as db:
            before = await _find(db, who, id)
            known = [row.code for row in await dispositions.list_dispositions(db, who.tenant_id)]
            # One given up since the call was marked with it is no reason to refuse a note.
            if body.disposition is not None and body.disposition != before.disposition:
                _check_disposition(body.disposition, known)
            await calls.update_wrap_up(db, who.tenant_id, id, body.disposition, body.note)
            row = await calls.fetch_call(db, who.tenant_id, id)
        # Nobody can be asked for one of no dispositions: then a note does, or none.
        if row.disposition is not None or not known:
            self._live.take_disposition(who.tenant_id, id)
        return WrapUpOut.model_validate(row)


async def _find(db: Connection, who: Principal, id: UUID) -> calls.Call:
    """The call, if the person may say what became of it."""
    call = await calls.fetch_call(db, who.tenant_id, id)
    if not who.may(Permission.CONTROL_ALL_CALLS):
        agent_id = who.agent_id
        if agent_id is None or not await calls.call_involves_agent(db, who.tenant_id, id, agent_id):
            raise NotFound()
    return call


def _check_disposition(code: str, known: Sequence[str]) -> None:
    if code not in known:
        message = f"must be one of {', '.join(known)}" if known else "there are no dispositions"
        detail = FieldError("body.disposition", message)
        raise Unprocessable("There is no such disposition.", details=[detail])
