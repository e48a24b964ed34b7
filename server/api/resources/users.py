"""The people who sign in: made, changed and given passwords by administrators."""

from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, Field, SecretStr, ValidationInfo, field_validator

from casecore.db.connection import Connection
from casecore.db.database import Database
from casecore.errors import NotFound as RecordNotFound
from casecore.permissions import Permission, Role
from casecore.store import agents, phones, refresh_tokens, users
from server.api.administration import by_name, note, op, taken
from server.api.errors import Conflict, FieldError, Unprocessable
from server.api.models import ApiModel, DialString, Name, OutModel, Paged, SearchQuery
from server.api.operation import Operation
from server.auth.accounts import Accounts
from server.auth.passwords import Passwords
from server.auth.principal import Principal


def _typeable(login: str) -> str:
    if login != login.strip():
        raise ValueError("must not begin or end with a space")
    return login


Login = Annotated[Name, AfterValidator(_typeable)]
Password = Annotated[SecretStr, Field(min_length=8, max_length=256)]
"""Never shown again."""


class AccountOut(OutModel):
    id: UUID
    login: str
    display: str
    role: Role
    agent_id: UUID | None
    phone: str | None
    disabled: bool
    created_at: datetime


class AccountChangeIn(ApiModel):
    login: Login
    display: Name
    role: Annotated[Role, Field(strict=False)]
    agent_id: Annotated[UUID, Field(strict=False)] | None = None
    """The agent this person is; then the agent's phone is the person's."""
    phone: DialString | None = None
    """The phone of somebody who is no agent, such as a supervisor who listens to calls."""
    disabled: bool = False
    """Cannot sign in; whoever is signed in is signed out."""

    @field_validator("phone")
    @classmethod
    def _agent_has_a_phone(cls, phone: str | None, info: ValidationInfo) -> str | None:
        if phone is not None and info.data.get("agent_id") is not None:
            raise ValueError("an agent's phone is the extension: leave it out")
        return phone


class AccountIn(AccountChangeIn):
    password: Password


class PasswordIn(ApiModel):
    password: Password


class Users:
    """Every change is on the audit trail and in force at once."""

    def __init__(self, database: Database, accounts: Accounts, passwords: Passwords) -> None:
        self._database = database
        self._accounts = accounts
        self._passwords = passwords

    def operations(self) -> list[Operation]:
        may: dict[str, Any] = {"may": Permission.MANAGE_USERS}
        user: dict[str, Any] = {"parameters": {"id": UUID}, **may}
        return [
            op("GET", "/users", self.list_users, "Users by login.", **may,
               query=SearchQuery, returns=AccountOut, many=True),
            op("POST", "/users", self.add_user, "Add a user.", **may,
               body=AccountIn, returns=AccountOut, status=201, errors=(Conflict,)),
            op("GET", "/users/{id}", self.fetch_user, "One user.", **user, returns=AccountOut),
            op("PUT", "/users/{id}", self.change_user, "Everything but the password.", **user,
               body=AccountChangeIn, returns=AccountOut, errors=(Conflict,)),
            op("DELETE", "/users/{id}", self.remove_user, "Remove a user.", **user,
               errors=(Conflict,)),
            op("PUT", "/users/{id}/password", self.set_password,
               "A new password; whoever is signed in with the old one has to sign in again.",
               **user, body=PasswordIn),
        ]  # fmt: skip

    async def list_users(self, who: Principal, query: SearchQuery) -> Paged[AccountOut]:
        async with self._database.tenant_tx(who.tenant_id) as db:
            rows = await users.list_users(db, who.tenant_id, by_name(query), query.q)
        return Paged([AccountOut.model_validate(row) for row in rows.items], rows.total)

    async def fetch_user(self, who: Principal, id: UUID) -> AccountOut:
        async with self._database.tenant_tx(who.tenant_id) as db:
            row = await users.fetch_user(db, who.tenant_id, id)
        return AccountOut.model_validate(row)

    async def add_user(self, who: Principal, body: AccountIn) -> AccountOut:
        hashed = await self._passwords.hash(body.password.get_secret_value())
        async with self._database.tenant_tx(who.tenant_id) as db:
            await _check_references(db, who, body)
            with _taken_login(body):
                row = await users.insert_user(db, who.tenant_id, _values(body), hashed)
            await note(db, who, "user_added", row.id, **_told(body))
        await self._accounts.refresh(who.tenant_id)
        return AccountOut.model_validate(row)

    async def change_user(self, who: Principal, id: UUID, body: AccountChangeIn) -> AccountOut:
        async with self._database.tenant_tx(who.tenant_id) as db:
            others = await _other_administrators(db, who, id)
            before = await users.fetch_user(db, who.tenant_id, id)
            await _check_references(db, who, body)
            if _is_administrator(before) and not _is_administrator(body) and not others:
                raise _last_administrator("body.disabled" if body.disabled else "body.role")
            with _taken_login(body):
                row = await users.update_user(db, who.tenant_id, id, _values(body))
            if row.disabled:
                # Enabled again one day, they do not come back with a session of today.
                await _sign_out(db, who, id)
            await note(db, who, "user_changed", id, **_told(body))
        await self._accounts.refresh(who.tenant_id)
        return AccountOut.model_validate(row)

    async def remove_user(self, who: Principal, id: UUID) -> None:
        async with self._database.tenant_tx(who.tenant_id) as db:
            others = await _other_administrators(db, who, id)
            before = await users.fetch_user(db, who.tenant_id, id)
            if _is_administrator(before) and not others:
                raise _last_administrator("path.id")
            await users.delete_user(db, who.tenant_id, id)
            await note(db, who, "user_removed", id, login=before.login)
        await self._accounts.refresh(who.tenant_id)

    async def set_password(self, who: Principal, id: UUID, body: PasswordIn) -> None:
        hashed = await self._passwords.hash(body.password.get_secret_value())
        async with self._database.tenant_tx(who.tenant_id) as db:
            await users.update_password(db, who.tenant_id, id, hashed)
            await _sign_out(db, who, id)
            await note(db, who, "user_password_changed", id)


def _taken_login(body: AccountChangeIn) -> Any:
    return taken("body.login", f"another user is {body.login} already", body.login)


def _values(body: AccountChangeIn) -> users.UserValues:
    return users.UserValues(
        login=body.login,
        display=body.display,
        role=body.role,
        agent_id=body.agent_id,
        disabled=body.disabled,
        phone=body.phone,
    )


def _told(body: AccountChangeIn) -> dict[str, object]:
    """What the audit trail says of a user."""
    return body.model_dump(mode="json", exclude={"password", "display"})


async def _check_references(db: Connection, who: Principal, body: AccountChangeIn) -> None:
    try:
        if body.agent_id is not None:
            await agents.fetch_agent(db, who.tenant_id, body.agent_id)
    except RecordNotFound:
        detail = FieldError("body.agent_id", "there is no such agent", "no_such_agent")
        raise Unprocessable("The user cannot be that agent.", details=[detail]) from None
    if body.phone is not None:
        why = await _phone_refused(db, who, body.phone)
        if why is not None:
            raise Unprocessable("The user cannot have that phone.", details=[why])


async def _phone_refused(db: Connection, who: Principal, user: str) -> FieldError | None:
    named = {"phone": user}
    try:
        phone = await phones.fetch_phone(db, who.tenant_id, user)
    except RecordNotFound:
        return FieldError("body.phone", f"there is no phone {user}", "no_such_phone", named)
    if phone.agent_id is not None:
        why = f"{user} is an agent's phone: say which agent the user is instead"
        return FieldError("body.phone", why, "phone_of_agent", named)
    return None


async def _other_administrators(db: Connection, who: Principal, id: UUID) -> set[UUID]:
    """Who could still sign in as administrator; locked, for of two each could remove the other."""
    administrators = await users.lock_enabled_of_role(db, who.tenant_id, Role.ADMINISTRATOR)
    return set(administrators) - {id}


def _is_administrator(user: users.User | AccountChangeIn) -> bool:
    return user.role is Role.ADMINISTRATOR and not user.disabled


def _last_administrator(field: str) -> Conflict:
    why = "nobody else could administer: make another administrator first"
    detail = FieldError(field, why, "last_administrator")
    return Conflict("This is the last administrator who can sign in.", details=[detail])


async def _sign_out(db: Connection, who: Principal, id: UUID) -> None:
    await refresh_tokens.revoke_tokens_of_user(db, who.tenant_id, id, now=datetime.now(UTC))
