"""How calls are routed: flows, numbers, trunks and phones."""

from dataclasses import replace
from datetime import datetime
from ipaddress import IPv4Network, IPv6Network
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, ConfigDict, Field, JsonValue, SecretStr

from casecore.db.connection import Connection
from casecore.db.database import Database
from casecore.errors import NotFound as RecordNotFound
from casecore.permissions import Permission
from casecore.store import flows, numbers, trunks
from routing.ivr.document import FlowError, parse_flow
from server.api.administration import by_name, note, op
from server.api.errors import Conflict, FieldError, Unprocessable, ValidationFailed
from server.api.models import ApiModel, DialString, Name, OutModel, Paged, PageQuery, Text
from server.api.operation import Operation
from server.api.references import shared_names
from server.auth.principal import Principal
from server.live import Live
from telephony.sip.uri import SipUri
from telephony.trunk_status import RegistrationState, TrunkState


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


def _usable_target(text: str) -> str:
    uri = SipUri.parse(text)
    if uri.scheme not in ("sip", "sips") or not uri.host:
        raise ValueError("must be a SIP URI such as sip:pbx.example.org:5060")
    return text


class TrunkIn(ApiModel):
    name: Name
    networks: Annotated[tuple[IPv4Network | IPv6Network, ...], Field(strict=False)] = ()
    """Where the trunk's calls come from, as CIDR."""
    target: Annotated[Text, Field(max_length=200), AfterValidator(_usable_target)] | None = None
    """Where calls to the outside go; absent for a trunk that only brings calls."""
    username: Annotated[Text, Field(max_length=80)] | None = None
    password: Annotated[SecretStr, Field(max_length=200)] | None = None
    """Never shown again; a change that does not name it keeps it, null removes it."""
    enabled: bool = True
    registers: bool = Field(default=False, alias="register")
    """Register with it, so that it knows where to bring its calls."""


class TrunkOut(OutModel):
    model_config = ConfigDict(serialize_by_alias=True)

    id: UUID
    name: str
    networks: list[IPv4Network | IPv6Network]
    target: str | None
    username: str | None
    enabled: bool
    registers: bool = Field(serialization_alias="register")
    created_at: datetime
    state: TrunkState
    """`up` or `down`; `unknown` before it was asked, and for one that only brings calls."""
    state_since: datetime | None
    state_detail: str
    """Why it is down, in one line."""
    registration: RegistrationState
    registered_until: datetime | None


class PhoneOut(OutModel):
    user: str
    registered: bool
    contacts: list[str]


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
        trunk = {"parameters": {"id": UUID}}
        return [
            op("GET", "/flows", self.list_flows, "Flows by name.", **see,
                query=PageQuery, returns=FlowOut, many=True),
            op("POST", "/flows", self.add_flow, "Add a flow and publish it.", **change,
                body=FlowIn, returns=FlowOut, status=201, errors=(Conflict, Unprocessable)),
            op("GET", "/flows/{id}", self.fetch_flow, "A flow and its document.", **see,
                **flow, returns=FlowDocumentOut),
            op("PUT", "/flows/{id}", self.change_flow, "Publish a new version.", **change,
                **flow, body=FlowChangeIn, returns=FlowOut, errors=(Unprocessable,)),
            op("GET", "/flows/{id}/versions", self.list_versions, "Its versions.", **see,
                **flow, returns=list[FlowVersionOut]),
            op("GET", "/numbers", self.list_numbers, "Numbers and their flows.", **see,
                query=PageQuery, returns=NumberOut, many=True),
            op("POST", "/numbers", self.add_number, "Lead a number to a flow.", **change,
                body=NumberIn, returns=NumberOut, status=201, errors=(Conflict,)),
            op("PUT", "/numbers/{number}", self.change_number, "Another flow.", **change,
                **number, body=NumberChangeIn, returns=NumberOut),
            op("DELETE", "/numbers/{number}", self.remove_number, "Give it up.", **change,
                **number),
            op("GET", "/trunks", self.list_trunks, "Trunks by name.", **see,
                query=PageQuery, returns=TrunkOut, many=True),
            op("POST", "/trunks", self.add_trunk, "Add a trunk.", **change,
                body=TrunkIn, returns=TrunkOut, status=201, errors=(Conflict,)),
            op("PUT", "/trunks/{id}", self.change_trunk, "Change a trunk.", **change,
                **trunk, body=TrunkIn, returns=TrunkOut, errors=(Conflict,)),
            op("DELETE", "/trunks/{id}", self.remove_trunk, "Remove a trunk.", **change,
                **trunk),
            op("GET", "/phones", self.list_phones, "Phones and where they are.", **see,
                returns=list[PhoneOut]),
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
            flow = await flows.insert_flow(db, who.tenant_id, body.name)
            flow = await _publish(db, who, flow.id, body.document)
            await note(db, who, "flow_added", flow.id)
        await self._live.reload(who.tenant_id)
        return FlowOut.model_validate(flow)

    async def change_flow(self, who: Principal, id: UUID, body: FlowChangeIn) -> FlowOut:
        async with self._database.tenant_tx(who.tenant_id) as db:
            await _check_flow(db, who, body.document)
            flow = await _publish(db, who, id, body.document)
            await note(db, who, "flow_changed", id, version=flow.latest_version)
        await self._live.reload(who.tenant_id)
        return FlowOut.model_validate(flow)

    # --- numbers

    async def list_numbers(self, who: Principal, query: PageQuery) -> Paged[NumberOut]:
        async with self._database.tenant_tx(who.tenant_id) as db:
            rows = await numbers.list_numbers(db, who.tenant_id, by_name(query))
        return Paged([NumberOut.model_validate(row) for row in rows.items], rows.total)

    async def add_number(self, who: Principal, body: NumberIn) -> NumberOut:
        async with self._database.tenant_tx(who.tenant_id) as db:
            await _check_target(db, who, body.flow_id)
            row = await numbers.insert_number(db, who.tenant_id, body.number, body.flow_id)
            await note(db, who, "number_added", body.number)
        await self._live.reload(who.tenant_id)
        return NumberOut.model_validate(row)

    async def change_number(self, who: Principal, number: str, body: NumberChangeIn) -> NumberOut:
        async with self._database.tenant_tx(who.tenant_id) as db:
            await numbers.fetch_number(db, who.tenant_id, number)
            await _check_target(db, who, body.flow_id)
            row = await numbers.update_number(db, who.tenant_id, number, body.flow_id)
            await note(db, who, "number_changed", number)
        await self._live.reload(who.tenant_id)
        return NumberOut.model_validate(row)

    async def remove_number(self, who: Principal, number: str) -> None:
        async with self._database.tenant_tx(who.tenant_id) as db:
            await numbers.delete_number(db, who.tenant_id, number)
            await note(db, who, "number_removed", number)
        await self._live.reload(who.tenant_id)

    # --- trunks

    async def list_trunks(self, who: Principal, query: PageQuery) -> Paged[TrunkOut]:
        async with self._database.tenant_tx(who.tenant_id) as db:
            rows = await trunks.list_trunks(db, who.tenant_id, by_name(query))
        return Paged([self._trunk(who, row) for row in rows.items], rows.total)

    async def add_trunk(self, who: Principal, body: TrunkIn) -> TrunkOut:
        async with self._database.tenant_tx(who.tenant_id) as db:
            values = _complete(_trunk_values(body))
            row = await trunks.insert_trunk(db, who.tenant_id, values)
            await note(db, who, "trunk_added", row.id)
        await self._live.reload(who.tenant_id)
        return self._trunk(who, row)

    async def change_trunk(self, who: Principal, id: UUID, body: TrunkIn) -> TrunkOut:
        async with self._database.tenant_tx(who.tenant_id) as db:
            values = _trunk_values(body)
            if "password" not in body.model_fields_set:
                kept = await trunks.fetch_trunk(db, who.tenant_id, id)
                values = replace(values, password=kept.password)
            row = await trunks.update_trunk(db, who.tenant_id, id, _complete(values))
            await note(db, who, "trunk_changed", id)
        await self._live.reload(who.tenant_id)
        return self._trunk(who, row)

    async def remove_trunk(self, who: Principal, id: UUID) -> None:
        async with self._database.tenant_tx(who.tenant_id) as db:
            await trunks.delete_trunk(db, who.tenant_id, id)
            await note(db, who, "trunk_removed", id)
        await self._live.reload(who.tenant_id)

    def _trunk(self, who: Principal, row: trunks.Trunk) -> TrunkOut:
        status = self._live.trunk(who.tenant_id, row.id)
        return TrunkOut(
            id=row.id,
            name=row.name,
            networks=list(row.networks),
            target=row.target,
            username=row.username,
            enabled=row.enabled,
            registers=row.register,
            created_at=row.created_at,
            state=status.state,
            state_since=status.since,
            state_detail=status.detail,
            registration=status.registration,
            registered_until=status.registered_until,
        )

    async def list_phones(self, who: Principal) -> list[PhoneOut]:
        return [
            PhoneOut(user=user, registered=bool(contacts), contacts=list(contacts))
            for user, contacts in sorted(self._live.phones(who.tenant_id).items())
        ]


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
        detail = FieldError("body.flow_id", "there is no such flow")
        raise Unprocessable("The number leads nowhere.", details=[detail]) from None


async def _publish(
    db: Connection, who: Principal, id: UUID, document: dict[str, Any]
) -> flows.Flow:
    version = await flows.insert_flow_version(
        db, who.tenant_id, id, document, created_by=who.user_id
    )
    return await flows.publish_flow_version(db, who.tenant_id, id, version)


def _trunk_values(body: TrunkIn) -> trunks.TrunkValues:
    return trunks.TrunkValues(
        name=body.name,
        networks=tuple(body.networks),
        target=body.target,
        username=body.username,
        password=body.password.get_secret_value() if body.password else None,
        enabled=body.enabled,
        register=body.registers,
    )


def _complete(values: trunks.TrunkValues) -> trunks.TrunkValues:
    """Raises ValidationFailed for a trunk that cannot be registered with."""
    needed = {"target": values.target, "username": values.username, "password": values.password}
    details = [
        FieldError(f"body.{name}", "is needed to register with the trunk")
        for name, value in needed.items()
        if values.register and not value
    ]
    if details:
        raise ValidationFailed("The trunk cannot be registered with.", details=details)
    return values
