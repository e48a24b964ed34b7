"""Trunks: how they are set up, and how they stand."""

from dataclasses import replace
from datetime import datetime
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, SecretStr

from casecore.db.connection import Connection
from casecore.db.database import Database
from casecore.permissions import Permission
from casecore.store import flows, numbers, phones, trunks
from server.api.administration import by_name, note, op, taken
from server.api.errors import Conflict, FieldError, ValidationFailed
from server.api.in_use import transfers_of
from server.api.models import ApiModel, Name, OutModel, Paged, PageQuery, Text
from server.api.operation import Operation
from server.auth.principal import Principal
from server.live import Live
from telephony.numbers import cleaned, number_key
from telephony.sip.uri import SipUri
from telephony.trunk_status import RegistrationState, TrunkState


def _usable_target(text: str) -> str:
    uri = SipUri.parse(text)
    if uri.scheme not in ("sip", "sips") or not uri.host:
        raise ValueError("must be a SIP URI such as sip:pbx.example.org:5060")
    return text


def _usable_network(given: object) -> object:
    try:
        ip_network(str(given))
    except ValueError:
        message = "must be an address such as 192.0.2.10 or a network such as 192.0.2.0/24"
        raise ValueError(message) from None
    return given


Network = Annotated[IPv4Network | IPv6Network, BeforeValidator(_usable_network)]


class TrunkIn(ApiModel):
    name: Name
    networks: Annotated[tuple[Network, ...], Field(strict=False)] = ()
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
    has_password: bool
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


class Trunks:
    """Every change is on the audit trail and in force at once for new calls."""

    def __init__(self, database: Database, live: Live) -> None:
        self._database = database
        self._live = live

    def operations(self) -> list[Operation]:
        see: dict[str, Any] = {"may": Permission.SEE_CONFIGURATION}
        change: dict[str, Any] = {"may": Permission.CHANGE_CONFIGURATION}
        trunk = {"parameters": {"id": UUID}}
        return [
            op("GET", "/trunks", self.list_trunks, "Trunks by name.", **see,
                query=PageQuery, returns=TrunkOut, many=True),
            op("POST", "/trunks", self.add_trunk, "Add a trunk.", **change,
                body=TrunkIn, returns=TrunkOut, status=201, errors=(Conflict,)),
            op("PUT", "/trunks/{id}", self.change_trunk, "Change a trunk.", **change,
                **trunk, body=TrunkIn, returns=TrunkOut, errors=(Conflict,)),
            op("DELETE", "/trunks/{id}", self.remove_trunk, "Remove a trunk.", **change,
                **trunk, errors=(Conflict,)),
        ]  # fmt: skip

    async def list_trunks(self, who: Principal, query: PageQuery) -> Paged[TrunkOut]:
        async with self._database.tenant_tx(who.tenant_id) as db:
            rows = await trunks.list_trunks(db, who.tenant_id, by_name(query))
        return Paged([self._shown(who, row) for row in rows.items], rows.total)

    async def add_trunk(self, who: Principal, body: TrunkIn) -> TrunkOut:
        values = _complete(_trunk_values(body))
        async with self._database.tenant_tx(who.tenant_id) as db:
            with _taken_trunk(body):
                row = await trunks.insert_trunk(db, who.tenant_id, values)
            await note(db, who, "trunk_added", row.id, **_told(body))
        await self._live.reload(who.tenant_id)
        return self._shown(who, row)

    async def change_trunk(self, who: Principal, id: UUID, body: TrunkIn) -> TrunkOut:
        async with self._database.tenant_tx(who.tenant_id) as db:
            values = _trunk_values(body)
            if "password" not in body.model_fields_set:
                kept = await trunks.fetch_trunk(db, who.tenant_id, id)
                values = replace(values, password=kept.password)
            with _taken_trunk(body):
                row = await trunks.update_trunk(db, who.tenant_id, id, _complete(values))
            await note(db, who, "trunk_changed", id, **_told(body))
        await self._live.reload(who.tenant_id)
        return self._shown(who, row)

    async def remove_trunk(self, who: Principal, id: UUID) -> None:
        async with self._database.tenant_tx(who.tenant_id) as db:
            trunk = await trunks.fetch_trunk(db, who.tenant_id, id)
            details = await _only_way_out(db, who, trunk)
            if self._carries_a_call(who, id):
                why = "a call that came over it is going on"
                details.append(FieldError("path.id", why, "call_now"))
            if details:
                raise Conflict(f"The trunk {trunk.name} is still needed.", details=details)
            await trunks.delete_trunk(db, who.tenant_id, id)
            await note(db, who, "trunk_removed", id, name=trunk.name)
        await self._live.reload(who.tenant_id)

    def _carries_a_call(self, who: Principal, id: UUID) -> bool:
        ids = (call.id for call in self._live.calls(who.tenant_id))
        calls = (self._live.find_call(who.tenant_id, call_id) for call_id in ids)
        return any(call is not None and call.trunk_id == id for call in calls)

    def _shown(self, who: Principal, row: trunks.Trunk) -> TrunkOut:
        status = self._live.trunk(who.tenant_id, row.id)
        return TrunkOut(
            id=row.id,
            name=row.name,
            networks=list(row.networks),
            target=row.target,
            username=row.username,
            has_password=row.password is not None,
            enabled=row.enabled,
            registers=row.register,
            created_at=row.created_at,
            state=status.state,
            state_since=status.since,
            state_detail=status.detail,
            registration=status.registration,
            registered_until=status.registered_until,
        )


async def _only_way_out(db: Connection, who: Principal, trunk: trunks.Trunk) -> list[FieldError]:
    """The flows that transfer to the outside, if no other trunk would take their calls."""
    every = await trunks.list_all_trunks(db, who.tenant_id)
    others = [row for row in every if row.id != trunk.id and row.enabled and row.target]
    if others or not trunk.enabled or trunk.target is None:
        return []
    inside = {row.user for row in await phones.list_all_phones(db, who.tenant_id)}
    inside |= {row.number for row in await numbers.list_all_numbers(db, who.tenant_id)}
    keys = {number_key(each) for each in inside}
    return [
        FieldError("path.id", f"the flow {version.name} transfers to {target}, and no other trunk "
                   "goes out", "only_way_out", {"flow": version.name, "number": target})
        for version in await flows.list_published_flows(db, who.tenant_id)
        for target in sorted(transfers_of(version.document))
        if number_key(cleaned(target)) not in keys
    ]  # fmt: skip


def _taken_trunk(body: TrunkIn) -> Any:
    return taken("body.name", f"another trunk is called {body.name} already", body.name)


def _told(body: TrunkIn) -> dict[str, object]:
    """What the audit trail says of a trunk."""
    named = "password" in body.model_fields_set
    told = body.model_dump(mode="json", by_alias=True, exclude={"password"})
    return {**told, "new_password": named}


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
        FieldError(f"body.{name}", "is needed to register with the trunk", "needed_to_register")
        for name, value in needed.items()
        if values.register and not value
    ]
    if details:
        raise ValidationFailed("The trunk cannot be registered with.", details=details)
    return values
