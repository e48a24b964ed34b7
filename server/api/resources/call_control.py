"""What people do with a call while it lasts: the buttons beside the phone."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, model_validator

from casecore.permissions import Permission
from server.api.errors import Conflict, NotFound, Unprocessable
from server.api.models import ApiModel, DialString, Text
from server.api.operation import Operation
from server.api.refusals import refusals
from server.auth.accounts import Accounts
from server.auth.principal import Principal
from server.live import Live
from telephony.calls import handling, help
from telephony.calls.audibility import Mode
from telephony.calls.call import Call
from telephony.calls.party import Party
from telephony.directory import PhoneUser


class HoldIn(ApiModel):
    held: bool


class MuteIn(ApiModel):
    muted: bool


class TransferIn(ApiModel):
    to: DialString | None = None
    """An extension, a number of ours or one outside."""
    queue: Annotated[Text, Field(min_length=1, max_length=80)] | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> "TransferIn":
        if (self.to is None) == (self.queue is None):
            raise ValueError("say either `to` or `queue`")
        return self


class ConsultIn(ApiModel):
    to: DialString


class ConsultActionIn(ApiModel):
    action: Literal["complete", "cancel", "conference", "swap"]


class SupervisionIn(ApiModel):
    mode: Literal["listen", "whisper", "barge", "take_over"]


_COMMON: dict[str, Any] = {
    "tag": "calls",
    "parameters": {"id": UUID},
    "errors": (Conflict, Unprocessable),
}


class CallControl:
    """An agent acts in the own talk; a supervisor takes part in any."""

    def __init__(self, live: Live, accounts: Accounts) -> None:
        self._live = live
        self._accounts = accounts

    def operations(self) -> list[Operation]:
        own = _COMMON | {"may": Permission.CONTROL_OWN_CALLS}
        watch = _COMMON | {"may": Permission.SUPERVISE_CALLS}
        return [
            Operation(
                method="POST", path="/calls/live/{id}/hold", handler=self.hold, body=HoldIn,
                summary="Put the other one on hold, or resume.", **own,
            ),
            Operation(
                method="POST", path="/calls/live/{id}/mute", handler=self.mute, body=MuteIn,
                summary="Be heard by nobody, or again.", **own,
            ),
            Operation(
                method="POST", path="/calls/live/{id}/transfer", handler=self.transfer,
                body=TransferIn, summary="Pass the other one on, without asking there first.",
                **own,
            ),
            Operation(
                method="POST", path="/calls/live/{id}/consult", handler=self.consult,
                body=ConsultIn, summary="Ask somebody for advice; the other one waits.", **own,
            ),
            Operation(
                method="PUT", path="/calls/live/{id}/consult", handler=self.decide,
                body=ConsultActionIn,
                summary="Pass the other one on, go back, talk by turns, or all three.",
                **own,
            ),
            Operation(
                method="PUT", path="/calls/live/{id}/supervision", handler=self.supervise,
                body=SupervisionIn, summary="Listen, whisper, barge in or take over.", **watch,
            ),
            Operation(
                method="DELETE", path="/calls/live/{id}/supervision", handler=self.stop,
                summary="Take part no more.", **watch,
            ),
        ]  # fmt: skip

    async def hold(self, who: Principal, id: UUID, body: HoldIn) -> None:
        with refusals():
            call, party = self._own(who, id)
            handling.hold(call, party, held=body.held)

    async def mute(self, who: Principal, id: UUID, body: MuteIn) -> None:
        with refusals():
            call, party = self._own(who, id)
            handling.mute(call, party, muted=body.muted)

    async def transfer(self, who: Principal, id: UUID, body: TransferIn) -> None:
        with refusals():
            call, party = self._own(who, id)
            handling.pass_on(call, party, to=body.to or "", queue=body.queue or "")

    async def consult(self, who: Principal, id: UUID, body: ConsultIn) -> None:
        with refusals():
            call, party = self._own(who, id)
            handling.consult(call, party, body.to)

    async def decide(self, who: Principal, id: UUID, body: ConsultActionIn) -> None:
        actions = {
            "complete": handling.complete,
            "cancel": handling.cancel,
            "conference": handling.conference,
            "swap": handling.swap,
        }
        with refusals():
            call, party = self._own(who, id)
            actions[body.action](call, party)

    async def supervise(self, who: Principal, id: UUID, body: SupervisionIn) -> None:
        with refusals():
            call = self._find(who, id)
            supervisor, agent = self._supervisor(who), _agent_in(call)
            if body.mode == "take_over":
                handling.take_over(call, supervisor, agent)
            else:
                mode = Mode(body.mode)
                handling.supervise(call, supervisor, mode, agent, user_id=who.user_id)
            if call.help is not None:
                # Whoever comes has no need to say so too.
                help.take(call, who.login)

    async def stop(self, who: Principal, id: UUID) -> None:
        with refusals():
            handling.stop_supervising(self._find(who, id), self._supervisor(who))

    # --- who and what

    def _find(self, who: Principal, call_id: UUID) -> Call:
        call = self._live.find_call(who.tenant_id, call_id)
        if call is None:
            raise NotFound
        return call

    def _own(self, who: Principal, call_id: UUID) -> tuple[Call, Party]:
        call = self._find(who, call_id)
        if who.agent_id is None or who.agent_id not in {p.agent_id for p in call.parties}:
            raise NotFound  # somebody else's call is nobody's business
        return call, handling.party_of(call, who.agent_id)

    def _supervisor(self, who: Principal) -> PhoneUser:
        user = self._accounts.phone_of(who)
        phone = None if user is None else self._live.find_phone(who.tenant_id, user)
        if phone is None:
            raise Unprocessable("You have no phone. An administrator can give you one.")
        return phone


def _agent_in(call: Call) -> Party:
    """Whom a supervisor follows: the agent of the call. Raises NotPossible."""
    conversation = handling.conversation_of(call)
    agents = [party for party in conversation.between if party.agent_id is not None]
    return agents[-1] if agents else conversation.between[-1]
