"""How calls are routed: flows and numbers."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field, JsonValue

from casecore.db.connection import Connection
from casecore.db.database import Database
from casecore.errors import NotFound as RecordNotFound
from casecore.permissions import Permission
from casecore.store import flows, numbers, phones
from routing.ivr.document import FlowError, parse_flow
from server.api.administration import by_name, note, op, taken
from server.api.errors import Conflict, FieldError, Unprocessable
from server.api.in_use import check_queues, flows_to_dialled, number_dialled
from server.api.models import (
    ApiModel,
    DialString,
    Name,
    OutModel,
    Paged,
    PageQuery,
    SearchQuery,
)
from server.api.operation import Operation
from server.api.references import shared_names
from server.auth.principal import Principal
from server.live import Live


class FlowOut(OutModel):
    id: UUID
    name: str
    latest_version: int
    published_version: int | None
    created_at: datetime


class FlowDocumentOut(FlowOut):
    document: JsonValue


class FlowVersionOut(OutModel):
    version: int
    created_by: UUID | None
    created_at: datetime
    published: bool


class FlowIn(ApiModel):
    name: Name
    document: dict[str, JsonValue]


class FlowChangeIn(ApiModel):
    document: dict[str, JsonValue]


class NumberOut(OutModel):
    number: str
    flow_id: UUID
    flow_name: str
    created_at: datetime


class NumberIn(ApiModel):
    number: DialString
    flow_id: Annotated[UUID, Field(strict=False)]


class NumberChangeIn(ApiModel):
    flow_id: Annotated[UUID, Field(strict=False)]


class Configuration:
    """Every change is on the audit trail and in force at once for new calls."""

    def __init__(self, database: Database, live: Live) -> None:
        self._database = database
        self._live = live

    def operations(self) -> list[Operation]:
        see: dict[str, Any] = {"may": Permission.SEE_CONFIGURATION}
        change: dict[str, Any] = {"may": Permission.CHANGE_CONFIGURATION}
        flow = {"parameters": {"id": UUID}}
        number = {"parameters": {"number": DialString}}
        return [
            op("GET", "/flows", self.list_flows, "Flows by name.", **see,
                query=PageQuery, returns=FlowOut, many=True),
            op("POST", "/flows", self.add_flow, "Add a flow and publish it.", **change,
                body=FlowIn, returns=FlowOut, status=201, errors=(Conflict, Unprocessable)),
            op("GET", "/flows/{id}", self.fetch_flow, "A flow and its document.", **see,
                **flow, returns=FlowDocumentOut),
            op("PUT", "/flows/{id}", self.change_flow, "Publish a new version.", **change,
                **flow, body=FlowChangeIn, returns=FlowOut, errors=(Unprocessable,)),
            op("DELETE", "/flows/{id}", self.remove_flow, "Remove a flow.", **change, **flow,
                errors=(Conflict,)),
            op("GET", "/flows/{id}/versions", self.list_versions, "Its versions.", **see,
                **flow, returns=list[FlowVersionOut]),
            op("GET", "/numbers", self.list_numbers, "Numbers and their flows.", **see,
                query=SearchQuery, returns=NumberOut, many=True),
            op("POST", "/numbers", self.add_number, "Lead a number to a flow.", **change,
                body=NumberIn, returns=NumberOut, status=201, errors=(Conflict,)),
            op("PUT", "/numbers/{number}", self.change_number, "Another flow.", **change,
                **number, body=NumberChangeIn, returns=NumberOut),
            op("DELETE", "/numbers/{number}", self.remove_number, "Give it up.", **change,
                **number, errors=(Conflict,)),
        ]  # fmt: skip

    # --- flows

    async def list_flows(self, who: Principal, query: PageQuery) -> Paged[FlowOut]:
        async with self._database.tenant_tx(who.tenant_id) as db:
            rows = await flows.list_flows(db, who.tenant_id, by_name(query))
        return Paged([FlowOut.model_validate(row) for row in rows.items], rows.total)

    async def fetch_flow(self, who: Principal, id: UUID) -> FlowDocumentOut:
        async with self._database.tenant_tx(who.tenant_id) as db:
            flow = await flows.fetch_flow(db, who.tenant_id, id)
            number = flow.published_version or flow.latest_version
            version = await flows.fetch_flow_version(db, who.tenant_id, id, number)
        shown = FlowOut.model_validate(flow).model_dump()
        return FlowDocumentOut(**shown, document=version.document)

    async def list_versions(self, who: Principal, id: UUID) -> list[FlowVersionOut]:
        async with self._database.tenant_tx(who.tenant_id) as db:
            await flows.fetch_flow(db, who.tenant_id, id)
            heads = await flows.list_flow_versions(db, who.tenant_id, id)
        return [FlowVersionOut.model_validate(head) for head in heads]

    async def add_flow(self, who: Principal, body: FlowIn) -> FlowOut:
        async with self._database.tenant_tx(who.tenant_id) as db:
            await _check_flow(db, who, body.document)
            await check_queues(db, who.tenant_id, body.document)
            message = f"another flow is called {body.name} already"
            with taken("body.name", message, body.name):
                flow = await flows.insert_flow(db, who.tenant_id, body.name)
            flow = await _publish(db, who, flow.id, body.document)
            await note(db, who, "flow_added", flow.id)
        await self._live.reload(who.tenant_id)
        return FlowOut.model_validate(flow)

    async def change_flow(self, who: Principal, id: UUID, body: FlowChangeIn) -> FlowOut:
        async with self._database.tenant_tx(who.tenant_id) as db:
            await _check_flow(db, who, body.document)
            await check_queues(db, who.tenant_id, body.document)
            flow = await _publish(db, who, id, body.document)
            await note(db, who, "flow_changed", id, version=flow.latest_version)
        await self._live.reload(who.tenant_id)
        return FlowOut.model_validate(flow)

    async def remove_flow(self, who: Principal, id: UUID) -> None:
        async with self._database.tenant_tx(who.tenant_id) as db:
            flow = await flows.fetch_flow(db, who.tenant_id, id)
            details = [
                FieldError("path.id", f"the number {row.number} leads to it", "number_leads",
                           {"number": row.number})
                for row in await numbers.list_all_numbers(db, who.tenant_id)
                if row.flow_id == id
            ]  # fmt: skip
            if details:
                raise Conflict(f"The flow {flow.name} is still in use.", details=details)
            await flows.delete_flow(db, who.tenant_id, id)
            await note(db, who, "flow_removed", id, name=flow.name)
        await self._live.reload(who.tenant_id)

    # --- numbers

    async def list_numbers(self, who: Principal, query: SearchQuery) -> Paged[NumberOut]:
        async with self._database.tenant_tx(who.tenant_id) as db:
            rows = await numbers.list_numbers(db, who.tenant_id, by_name(query), query.q)
        return Paged([NumberOut.model_validate(row) for row in rows.items], rows.total)

    async def add_number(self, who: Principal, body: NumberIn) -> NumberOut:
        async with self._database.tenant_tx(who.tenant_id) as db:
            await _check_target(db, who, body.flow_id)
            await _check_free(db, who, body.number)
            message = f"the number {body.number} leads to a flow already"
            with taken("body.number", message, body.number):
                row = await numbers.insert_number(db, who.tenant_id, body.number, body.flow_id)
            await note(db, who, "number_added", body.number, flow=row.flow_name)
        await self._live.reload(who.tenant_id)
        return NumberOut.model_validate(row)

    async def change_number(self, who: Principal, number: str, body: NumberChangeIn) -> NumberOut:
        async with self._database.tenant_tx(who.tenant_id) as db:
            await numbers.fetch_number(db, who.tenant_id, number)
            await _check_target(db, who, body.flow_id)
            row = await numbers.update_number(db, who.tenant_id, number, body.flow_id)
            await note(db, who, "number_changed", number, flow=row.flow_name)
        await self._live.reload(who.tenant_id)
        return NumberOut.model_validate(row)

    async def remove_number(self, who: Principal, number: str) -> None:
        async with self._database.tenant_tx(who.tenant_id) as db:
            await numbers.fetch_number(db, who.tenant_id, number)
            details = await flows_to_dialled(db, who.tenant_id, number, "path.number")
            if details:
                raise Conflict(f"The number {number} is still in use.", details=details)
            await numbers.delete_number(db, who.tenant_id, number)
            await note(db, who, "number_removed", number)
        await self._live.reload(who.tenant_id)


async def _check_free(db: Connection, who: Principal, number: str) -> None:
    """Refuse what is dialled as something else already, in whichever spelling."""
    field, known = "body.number", await number_dialled(db, who.tenant_id, number)
    phone = next((p for p in await phones.list_all_phones(db, who.tenant_id) if p.user == number),
                 None)  # fmt: skip
    why = None
    if known is not None:
        message = f"{known.number} leads to the flow {known.flow_name} already"
        values = {"number": known.number, "flow": known.flow_name}
        why = FieldError(field, message, "is_number", values)
    elif phone is not None:
        message = f"{number} is the phone of {phone.display or 'somebody'}"
        why = FieldError(field, message, "is_phone", {"phone": number, "name": phone.display})
    if why is not None:
        raise Conflict("The number is taken.", details=[why])


async def _check_flow(db: Connection, who: Principal, document: dict[str, Any]) -> None:
    shared = await shared_names(db, who.tenant_id)
    try:
        parse_flow(document, shared)
    except FlowError as error:
        details = [FieldError("body.document", message) for message in error.messages]
        raise Unprocessable("The flow is not valid.", details=details) from None


async def _check_target(db: Connection, who: Principal, flow_id: UUID) -> None:
    try:
        await flows.fetch_flow(db, who.tenant_id, flow_id)
    except RecordNotFound:
        detail = FieldError("body.flow_id", "there is no such flow", "no_such_flow")
        raise Unprocessable("The number leads nowhere.", details=[detail]) from None


async def _publish(
    db: Connection, who: Principal, id: UUID, document: dict[str, Any]
) -> flows.Flow:
    version = await flows.insert_flow_version(
        db, who.tenant_id, id, document, created_by=who.user_id
    )
    return await flows.publish_flow_version(db, who.tenant_id, id, version)
