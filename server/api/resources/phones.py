"""Phones: where they are registered, and those that are nobody's extension."""

from typing import Annotated, Any
from uuid import UUID

from pydantic import Field, SecretStr

from casecore.db.connection import Connection
from casecore.db.database import Database
from casecore.errors import NotFound as RecordNotFound
from casecore.permissions import Permission
from casecore.store import agents, phones, users
from server.api.administration import note, op, taken
from server.api.errors import Conflict, FieldError
from server.api.in_use import flows_to_dialled, number_dialled
from server.api.models import ApiModel, OutModel, Text
from server.api.operation import Operation
from server.auth.principal import Principal
from server.live import Live
from server.phone_passwords import new_password, secrets_of

User = Annotated[str, Field(min_length=1, max_length=40, pattern=r"^[0-9A-Za-z]+$")]
PhonePassword = Annotated[SecretStr, Field(min_length=8, max_length=128)]


class PhoneChangeIn(ApiModel):
    display: Annotated[Text, Field(max_length=80)] = ""
    """What others see when it calls."""
    password: PhonePassword | None = None
    """One is made for a new phone that is given none, and when it is null; a change that does not
    name it keeps it."""


class PhoneIn(PhoneChangeIn):
    user: User
    """What colleagues dial, and with which the phone registers."""


class PhoneOut(OutModel):
    user: str
    display: str
    agent_id: UUID | None
    """Whose extension it is; such a phone is changed and removed with the agent."""
    registered: bool
    contacts: list[str]


class PhoneSettingsOut(OutModel):
    user: str
    display: str
    password: str | None
    """If the server made it just now: it is shown this once."""


class Phones:
    """Every change is on the audit trail and in force at once."""

    def __init__(self, database: Database, live: Live, realm: str) -> None:
        self._database = database
        self._live = live
        self._realm = realm

    def operations(self) -> list[Operation]:
        may: dict[str, Any] = {"may": Permission.CHANGE_CONFIGURATION, "errors": (Conflict,)}
        phone: dict[str, Any] = {"parameters": {"user": User}, **may}
        return [
            op("GET", "/phones", self.list_phones, "Phones and where they are.",
               may=Permission.SEE_CONFIGURATION, returns=list[PhoneOut]),
            op("POST", "/phones", self.add_phone, "Add a phone that is no agent's.", **may,
               body=PhoneIn, returns=PhoneSettingsOut, status=201),
            op("PUT", "/phones/{user}", self.change_phone, "Display name and password.", **phone,
               body=PhoneChangeIn, returns=PhoneSettingsOut),
            op("DELETE", "/phones/{user}", self.remove_phone, "Remove a phone.", **phone),
        ]  # fmt: skip

    async def list_phones(self, who: Principal) -> list[PhoneOut]:
        async with self._database.tenant_tx(who.tenant_id) as db:
            rows = await phones.list_all_phones(db, who.tenant_id)
        contacts = self._live.phones(who.tenant_id)
        return [
            PhoneOut(
                user=row.user,
                display=row.display,
                agent_id=row.agent_id,
                registered=bool(contacts.get(row.user)),
                contacts=list(contacts.get(row.user, ())),
            )
            for row in rows
        ]

    async def add_phone(self, who: Principal, body: PhoneIn) -> PhoneSettingsOut:
        secrets, made = self._secrets(body.user, body.password)
        async with self._database.tenant_tx(who.tenant_id) as db:
            await _check_user(db, who, body.user)
            with taken("body.user", f"there is a phone {body.user} already", body.user):
                row = await phones.insert_phone(
                    db, who.tenant_id, body.user, secrets, display=body.display
                )
            await note(db, who, "phone_added", row.user, display=row.display)
        await self._live.reload(who.tenant_id)
        return PhoneSettingsOut(user=row.user, display=row.display, password=made)

    async def change_phone(
        self, who: Principal, user: str, body: PhoneChangeIn
    ) -> PhoneSettingsOut:
        named = "password" in body.model_fields_set
        made = None
        async with self._database.tenant_tx(who.tenant_id) as db:
            before = await phones.fetch_phone(db, who.tenant_id, user)
            if before.agent_id is not None:
                why = await _agents_phone(db, who, before.agent_id, user)
                raise Conflict("An agent's phone is changed with the agent.", details=[why])
            row = await phones.update_phone(
                db, who.tenant_id, user, display=body.display, agent_id=None
            )
            if named:
                secrets, made = self._secrets(user, body.password)
                await phones.update_phone_secrets(db, who.tenant_id, user, secrets)
            await note(db, who, "phone_changed", user, display=row.display, new_password=named)
        await self._live.reload(who.tenant_id)
        return PhoneSettingsOut(user=row.user, display=row.display, password=made)

    async def remove_phone(self, who: Principal, user: str) -> None:
        async with self._database.tenant_tx(who.tenant_id) as db:
            before = await phones.fetch_phone(db, who.tenant_id, user)
            details = await flows_to_dialled(db, who.tenant_id, user, "path.user")
            if before.agent_id is not None:
                details.append(await _agents_phone(db, who, before.agent_id, user))
            else:
                details += [
                    FieldError("path.user", f"it rings the user {login}", "rings_user",
                               {"login": login})
                    for login in await users.list_logins_at(db, who.tenant_id, user)
                ]  # fmt: skip
            if details:
                raise Conflict(f"The phone {user} is still needed.", details=details)
            await phones.delete_phone(db, who.tenant_id, user)
            await note(db, who, "phone_removed", user, display=before.display)
        await self._live.reload(who.tenant_id)

    def _secrets(
        self, user: str, chosen: SecretStr | None
    ) -> tuple[phones.PhoneSecrets, str | None]:
        """What is stored of the password, and the password if it had to be made."""
        made = new_password() if chosen is None else None
        password = made if chosen is None else chosen.get_secret_value()
        return secrets_of(user, self._realm, password or ""), made


async def _agents_phone(db: Connection, who: Principal, agent_id: UUID, user: str) -> FieldError:
    agent = await agents.fetch_agent(db, who.tenant_id, agent_id)
    why = f"it is the phone of the agent {agent.name}"
    return FieldError("path.user", why, "phone_of_agent", {"phone": user, "agent": agent.name})


async def _check_user(db: Connection, who: Principal, user: str) -> None:
    """Refuse what would be dialled as something else."""
    number = await number_dialled(db, who.tenant_id, user)
    if number is not None:
        why = f"{user} is a number that leads to the flow {number.flow_name}"
        values = {"number": number.number, "flow": number.flow_name}
        raise Conflict(
            "The number is taken.", details=[FieldError("body.user", why, "is_number", values)]
        )
    try:
        agent = await agents.fetch_agent_by_extension(db, who.tenant_id, user)
    except RecordNotFound:
        return
    why = f"{user} is the extension of the agent {agent.name}"
    values = {"phone": user, "agent": agent.name}
    raise Conflict(
        "The number is taken.", details=[FieldError("body.user", why, "is_extension", values)]
    )
