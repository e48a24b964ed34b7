"""An agent in a call asks a supervisor for help, and sees whether somebody comes."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from casecore.db.database import Database
from casecore.permissions import Permission
from server.api.administration import note
from server.api.errors import Conflict, NotFound
from server.api.models import ApiModel, Text
from server.api.operation import Operation
from server.api.refusals import refusals
from server.auth.principal import Principal
from server.live import Live
from telephony.calls import handling, help
from telephony.calls.call import Call

Reason = Literal["question", "upset_caller", "technical", "emergency", "other"]


class HelpIn(ApiModel):
    reason: Reason
    text: Annotated[Text, Field(max_length=200)] = ""


class Help:
    """Every step is an event of the call, and on the audit trail (without the agent's words)."""

    def __init__(self, database: Database, live: Live) -> None:
        self._database = database
        self._live = live

    def operations(self) -> list[Operation]:
        common: dict[str, Any] = {
            "path": "/calls/live/{id}/help",
            "tag": "calls",
            "parameters": {"id": UUID},
            "errors": (Conflict,),
        }
        return [
            Operation(
                method="POST", handler=self.ask, body=HelpIn, may=Permission.CONTROL_OWN_CALLS,
                summary="Ask a supervisor for help in the own call.", **common,
            ),
            Operation(
                method="PUT", handler=self.take, may=Permission.SUPERVISE_CALLS,
                summary="Say that one comes to help; refused when somebody else does.", **common,
            ),
            Operation(
                method="DELETE", handler=self.withdraw, may=Permission.CONTROL_OWN_CALLS,
                summary="Need no help any more.", **common,
            ),
        ]  # fmt: skip

    async def ask(self, who: Principal, id: UUID, body: HelpIn) -> None:
        with refusals():
            call = self._own(who, id)
            help.ask(call, handling.party_of(call, who.agent_id), body.reason, body.text)
        await self._note(who, "call.help_asked", id, reason=body.reason)

    async def take(self, who: Principal, id: UUID) -> None:
        call = self._find(who, id)
        with refusals():
            first = help.take(call, who.login)
        if not first:
            raise Conflict("Somebody else comes to help already.")
        await self._note(who, "call.help_taken", id)

    async def withdraw(self, who: Principal, id: UUID) -> None:
        with refusals():
            call = self._own(who, id)
            help.withdraw(call)
        await self._note(who, "call.help_withdrawn", id)

    def _find(self, who: Principal, id: UUID) -> Call:
        call = self._live.find_call(who.tenant_id, id)
        if call is None:
            raise NotFound
        return call

    def _own(self, who: Principal, id: UUID) -> Call:
        call = self._find(who, id)
        if who.agent_id is None or who.agent_id not in {p.agent_id for p in call.parties}:
            raise NotFound
        return call

    async def _note(self, who: Principal, action: str, id: UUID, **data: object) -> None:
        async with self._database.tenant_tx(who.tenant_id) as db:
            await note(db, who, action, id, **data)
