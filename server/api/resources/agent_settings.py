"""Agents as administrators set them up: name, skills, extension, and the phone for it."""

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
from server.api.models import ApiModel, Name, OutModel, Text
from server.api.operation import Operation
from server.auth.accounts import Accounts
from server.auth.principal import Principal
from server.live import Live
from server.phone_passwords import new_password, secrets_of

Extension = Annotated[str, Field(min_length=1, max_length=40, pattern=r"^[0-9A-Za-z]+$")]
Skill = Annotated[Text, Field(min_length=1, max_length=40)]
Level = Annotated[int, Field(ge=1, le=5)]


class AgentIn(ApiModel):
    name: Name
    extension: Extension
    """What colleagues dial, and the user of the agent's phone."""
    skills: Annotated[dict[Skill, Level], Field(max_length=100)] = Field(default_factory=dict)
    """Level of each skill, 1 to 5."""
    auto_answer: bool = False
    """The phone takes calls from queues by itself, after a tone."""
    password: Annotated[SecretStr, Field(min_length=8, max_length=128)] | None = None
    """Of the phone. One is made for a new phone that is given none, and when it is null; a change
    that does not name it keeps it. A changed extension is a new phone."""


class AgentSettingsOut(OutModel):
    id: UUID
    name: str
    extension: str
    skills: dict[str, int]
    auto_answer: bool
    password: str | None
    """Of the phone, if the server made it just now: it is shown this once."""


class AgentSettings:
    """Every change is on the audit trail and in force at once for new calls."""

    def __init__(self, database: Database, live: Live, accounts: Accounts, realm: str) -> None:
        self._database = database
        self._live = live
        self._accounts = accounts
        self._realm = realm

    def operations(self) -> list[Operation]:
        may: dict[str, Any] = {"may": Permission.CHANGE_CONFIGURATION, "errors": (Conflict,)}
        agent: dict[str, Any] = {"parameters": {"id": UUID}, **may}
        return [
            op("POST", "/agents", self.add_agent, "Add an agent with a phone.", **may,
               body=AgentIn, returns=AgentSettingsOut, status=201),
            op("PUT", "/agents/{id}", self.change_agent, "Change an agent and the phone.",
               **agent, body=AgentIn, returns=AgentSettingsOut),
            op("DELETE", "/agents/{id}", self.remove_agent, "Remove an agent and the phone.",
               **agent),
        ]  # fmt: skip

    async def add_agent(self, who: Principal, body: AgentIn) -> AgentSettingsOut:
        async with self._database.tenant_tx(who.tenant_id) as db:
            await _check_extension(db, who, body.extension)
            with _taken_extension(body):
                agent = await agents.insert_agent(db, who.tenant_id, _values(body))
            password = await self._give_phone(db, who, agent, body)
            await note(db, who, "agent_added", agent.id, **_told(body))
        await self._take_over(who)
        return _shown(agent, password)

    async def change_agent(self, who: Principal, id: UUID, body: AgentIn) -> AgentSettingsOut:
        async with self._database.tenant_tx(who.tenant_id) as db:
            before = await agents.fetch_agent(db, who.tenant_id, id)
            moves = before.extension != body.extension
            if moves:
                await _check_extension(db, who, body.extension)
                await _check_unused(db, who, before.extension)
            with _taken_extension(body):
                agent = await agents.update_agent(db, who.tenant_id, id, _values(body))
            if moves:
                await _remove_phone(db, who, before)
            password = await self._give_phone(db, who, agent, body)
            await note(db, who, "agent_changed", id, **_told(body))
        await self._take_over(who)
        return _shown(agent, password)

    async def remove_agent(self, who: Principal, id: UUID) -> None:
        async with self._database.tenant_tx(who.tenant_id) as db:
            agent = await agents.fetch_agent(db, who.tenant_id, id)
            details = [
                FieldError("path.id", f"the user {login} is this agent or has the agent's phone",
                           "user_is_agent", {"login": login})
                for login in await users.list_logins_at(db, who.tenant_id, agent.extension)
            ]  # fmt: skip
            details += await flows_to_dialled(db, who.tenant_id, agent.extension, "path.id")
            if self._has_call(who, id):
                why = "a call is with this agent now"
                details.append(FieldError("path.id", why, "call_now"))
            if details:
                raise Conflict(f"The agent {agent.name} is still needed.", details=details)
            await _remove_phone(db, who, agent)
            await agents.delete_agent(db, who.tenant_id, id)
            await note(db, who, "agent_removed", id, name=agent.name, extension=agent.extension)
        await self._take_over(who)

    async def _give_phone(
        self, db: Connection, who: Principal, agent: agents.Agent, body: AgentIn
    ) -> str | None:
        """See that the agent has a phone; the password if one had to be made."""
        tenant_id, user = who.tenant_id, agent.extension
        phone = await _find_phone(db, who, user)
        if phone is not None:
            await phones.update_phone(db, tenant_id, user, display=agent.name, agent_id=agent.id)
            if phone.agent_id == agent.id and "password" not in body.model_fields_set:
                return None
        made = new_password() if body.password is None else None
        password = made or (body.password.get_secret_value() if body.password else "")
        secrets = secrets_of(user, self._realm, password)
        if phone is not None:
            await phones.update_phone_secrets(db, tenant_id, user, secrets)
        else:
            await phones.insert_phone(
                db, tenant_id, user, secrets, display=agent.name, agent_id=agent.id
            )
        return made

    def _has_call(self, who: Principal, id: UUID) -> bool:
        at_work = {agent.id for agent in self._live.agents(who.tenant_id) if agent.work_id}
        talking = {
            agent_id
            for call in self._live.calls(who.tenant_id)
            for agent_id in (call.agent_id, *(leg.agent_id for leg in call.legs))
        }
        return id in at_work or id in talking

    async def _take_over(self, who: Principal) -> None:
        await self._live.reload(who.tenant_id)
        await self._accounts.refresh(who.tenant_id)  # the extension is the phone of a user


def _values(body: AgentIn) -> agents.AgentValues:
    return agents.AgentValues(**body.model_dump(exclude={"password"}))


def _shown(agent: agents.Agent, password: str | None) -> AgentSettingsOut:
    return AgentSettingsOut(
        id=agent.id,
        name=agent.name,
        extension=agent.extension,
        skills=dict(agent.skills),
        auto_answer=agent.auto_answer,
        password=password,
    )


def _told(body: AgentIn) -> dict[str, object]:
    """What the audit trail says of an agent."""
    named = "password" in body.model_fields_set
    return {**body.model_dump(exclude={"password"}), "new_password": named}


def _taken_extension(body: AgentIn) -> Any:
    message = f"another agent has the extension {body.extension} already"
    return taken("body.extension", message, body.extension)


async def _check_unused(db: Connection, who: Principal, extension: str) -> None:
    """Refuse what would have a published flow transfer to nobody."""
    details = await flows_to_dialled(db, who.tenant_id, extension, "body.extension")
    if details:
        raise Conflict(f"The extension {extension} is still in use.", details=details)


async def _check_extension(db: Connection, who: Principal, extension: str) -> None:
    """Refuse what would be dialled as something else, or take a phone from somebody."""
    why = None
    number = await number_dialled(db, who.tenant_id, extension)
    logins = await users.list_logins_at(db, who.tenant_id, extension)
    phone = await _find_phone(db, who, extension)
    field = "body.extension"
    if logins:
        login = ", ".join(logins)
        message = f"{extension} is the phone of the user {login}"
        why = FieldError(field, message, "rings_user", {"login": login})
    elif phone is not None and phone.agent_id is not None:
        message = f"another agent has the phone {extension} already"
        why = FieldError(field, message, "taken", {"value": extension})
    elif number is not None:
        message = f"{extension} is a number that leads to the flow {number.flow_name}"
        values = {"number": number.number, "flow": number.flow_name}
        why = FieldError(field, message, "is_number", values)
    if why is not None:
        raise Conflict("The extension is taken.", details=[why])


async def _find_phone(db: Connection, who: Principal, user: str) -> phones.Phone | None:
    try:
        return await phones.fetch_phone(db, who.tenant_id, user)
    except RecordNotFound:
        return None


async def _remove_phone(db: Connection, who: Principal, agent: agents.Agent) -> None:
    phone = await _find_phone(db, who, agent.extension)
    if phone is not None and phone.agent_id == agent.id:
        await phones.delete_phone(db, who.tenant_id, phone.user)
