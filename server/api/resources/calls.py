"""Calls: those that are alive, and the record of those that were."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from casecore.db.connection import Connection
from casecore.db.database import Database
from casecore.paging import Page
from casecore.permissions import Permission
from casecore.store import calls, legs, queue_visits, recordings, timeline
from server.api.errors import Forbidden, NotFound, Unprocessable
from server.api.models import ApiModel, DialString, Moment, OutModel, Paged, PageQuery, Text
from server.api.operation import Operation
from server.auth.principal import Principal
from server.live import Live
from telephony.calls.call import CallSnapshot
from telephony.errors import UnknownPhone


class LiveQualityOut(OutModel):
    verdict: Literal["good", "fair", "poor"]
    """What the worst of the figures amounts to."""
    loss_percent: float
    """In the worse of both directions, within the last seconds."""
    jitter_ms: float
    round_trip_ms: float | None
    """Null before the party has reported."""
    mos: float


class LiveLegOut(OutModel):
    id: UUID
    role: str
    party: str
    agent_id: UUID | None
    is_answered: bool
    is_held: bool
    """The party put the others on hold."""
    is_muted: bool
    mode: str
    """`talk`, `aside` in a consultation, or as a supervisor `listen`, `whisper`, `barge`."""
    quality: LiveQualityOut | None
    """How it sounds, measured every 5 seconds; null while too little is heard of the party."""


class ChoiceOut(OutModel):
    menu: str
    key: str
    """What the caller pressed, or `timeout` or `invalid`."""
    led_to: str


class HelpOut(OutModel):
    agent_id: UUID | None
    reason: str
    """`question`, `upset_caller`, `technical`, `emergency` or `other`."""
    text: str
    since: datetime
    taken_by: str | None
    """Login of the supervisor who said to come."""


class LiveCallOut(OutModel):
    id: UUID
    direction: str
    caller: str
    called: str
    started_at: datetime
    answered_at: datetime | None
    state: str
    """`ringing`, `flow`, `queued`, `talking` or `ending`."""
    node: str
    queue: str
    agent_id: UUID | None
    legs: list[LiveLegOut]
    queued_at: datetime | None
    """Since when the caller waits, or waited last, for an agent."""
    choices: list[ChoiceOut]
    """The way through the flow's menus, oldest first."""
    help: HelpOut | None
    """What an agent asks a supervisor for."""


class CallOut(OutModel):
    id: UUID
    direction: str
    caller: str
    called: str
    trunk_id: UUID | None
    started_at: datetime
    answered_at: datetime | None
    ended_at: datetime | None
    cause: str | None
    sip_status: int | None
    flow_id: UUID | None
    flow_name: str | None
    flow_version: int | None
    agent_id: UUID | None
    agent_name: str | None
    disposition: str | None
    """What became of it: the code of a disposition."""
    note: str


class QualityOut(OutModel):
    packets_received: int
    packets_sent: int
    packets_lost: int
    packets_late: int
    packets_refused: int
    jitter_ms: float
    round_trip_ms: float | None
    mos: float


class LegOut(OutModel):
    id: UUID
    role: str
    party: str
    agent_id: UUID | None
    agent_name: str | None
    sip_call_id: str
    started_at: datetime
    ringing_at: datetime | None
    answered_at: datetime | None
    ended_at: datetime | None
    codec: str | None
    cause: str | None
    sip_status: int | None
    quality: QualityOut | None


class VisitOut(OutModel):
    queue_id: UUID
    queue: str | None
    entered_at: datetime
    left_at: datetime | None
    position: int
    offers: int
    result: str | None
    """`answered`, `abandoned` or `flowed_out`."""
    reason: str
    agent_id: UUID | None
    waited_ms: int | None


class RecordingRef(OutModel):
    id: UUID
    kind: str
    duration_ms: int | None
    complete: bool


class CallDetailOut(CallOut):
    legs: list[LegOut]
    queue_visits: list[VisitOut]
    recordings: list[RecordingRef]


class TimelineOut(OutModel):
    at: datetime
    type: str
    data: dict[str, Any]


class CallQuery(PageQuery):
    sort: Literal["started_at", "answered_at", "ended_at", "duration", "caller", "called"] = (
        "started_at"
    )
    """`duration` is the time from the answer to the end; calls without one come last."""
    since: Moment | None = None
    until: Moment | None = None
    direction: Literal["inbound", "internal", "outbound"] | None = None
    caller: Text = Field(default="", max_length=80)
    """Part of the number."""
    called: Text | None = Field(default=None, max_length=80)
    cause: Text | None = Field(default=None, max_length=80)
    agent_id: UUID | None = None
    disposition: Text | None = Field(default=None, max_length=40)


class OriginateIn(ApiModel):
    to: DialString
    from_user: DialString | None = None
    """The phone that is rung first; an agent's own when absent."""


class OriginatedOut(OutModel):
    id: UUID


class Calls:
    def __init__(self, database: Database, live: Live) -> None:
        self._database = database
        self._live = live

    def operations(self) -> list[Operation]:
        by_id = {"id": UUID}
        control = Permission.CONTROL_OWN_CALLS
        common: dict[str, Any] = {"tag": "calls"}
        return [
            Operation(
                method="GET", path="/calls/live", handler=self.list_live, returns=list[LiveCallOut],
                summary="Calls that are alive, oldest first.", **common,
            ),
            Operation(
                method="DELETE", path="/calls/live/{id}", handler=self.hang_up, parameters=by_id,
                may=control, summary="Hang up a call that is alive.", **common,
            ),
            Operation(
                method="POST", path="/calls", handler=self.originate, body=OriginateIn,
                returns=OriginatedOut, status=201, may=control, errors=(Unprocessable,),
                summary="Ring a phone, then call somebody and join both.", **common,
            ),
            Operation(
                method="GET", path="/calls", handler=self.list_calls, query=CallQuery,
                returns=CallOut, many=True, summary="Calls on record.", **common,
            ),
            Operation(
                method="GET", path="/calls/{id}", handler=self.fetch_call, parameters=by_id,
                returns=CallDetailOut, summary="One call with legs, queues, recordings.", **common,
            ),
            Operation(
                method="GET", path="/calls/{id}/timeline", handler=self.show_timeline,
                parameters=by_id, returns=list[TimelineOut],
                summary="Everything that happened in a call, in order.", **common,
            ),
        ]  # fmt: skip

    async def list_live(self, who: Principal) -> list[LiveCallOut]:
        _admit(who)
        return self.live_seen_by(self._live, who)

    @staticmethod
    def live_seen_by(live: Live, who: Principal) -> list[LiveCallOut]:
        """The live calls a person may see: all, or those the person takes part in."""
        if not (who.may(Permission.SEE_ALL_CALLS) or who.may(Permission.SEE_OWN_CALLS)):
            return []
        shown = live.calls(who.tenant_id)
        if not who.may(Permission.SEE_ALL_CALLS):
            shown = tuple(call for call in shown if _takes_part(call, who))
        return [LiveCallOut.model_validate(call) for call in shown]

    async def hang_up(self, who: Principal, id: UUID) -> None:
        call = next((c for c in self._live.calls(who.tenant_id) if c.id == id), None)
        if call is None:
            raise NotFound()
        if not who.may(Permission.CONTROL_ALL_CALLS) and not _takes_part(call, who):
            raise NotFound()
        self._live.hang_up(who.tenant_id, id)

    async def originate(self, who: Principal, body: OriginateIn) -> OriginatedOut:
        own = self._own_extension(who)
        from_user = body.from_user or own
        if from_user is None:
            raise Unprocessable("Say which phone shall be rung: from_user.")
        if from_user != own and not who.may(Permission.CONTROL_ALL_CALLS):
            raise Forbidden("You may call from your own phone only.")
        try:
            return OriginatedOut(id=self._live.originate(who.tenant_id, from_user, body.to))
        except UnknownPhone as error:
            raise Unprocessable(f"There is no phone {from_user}.") from error

    async def list_calls(self, who: Principal, query: CallQuery) -> Paged[CallOut]:
        _admit(who)
        wanted = calls.CallFilter(
            started_from=query.since,
            started_before=query.until,
            direction=query.direction,
            caller=query.caller,
            called=query.called,
            cause=query.cause,
            agent_id=query.agent_id if who.may(Permission.SEE_ALL_CALLS) else who.agent_id,
            disposition=query.disposition,
        )
        if wanted.agent_id is None and not who.may(Permission.SEE_ALL_CALLS):
            return Paged([], 0)
        page = Page(query.limit, query.offset, query.sort, query.order)
        async with self._database.tenant_tx(who.tenant_id) as db:
            rows = await calls.list_calls(db, who.tenant_id, page, wanted)
        return Paged([CallOut.model_validate(row) for row in rows.items], rows.total)

    async def fetch_call(self, who: Principal, id: UUID) -> CallDetailOut:
        tenant_id = who.tenant_id
        async with self._database.tenant_tx(tenant_id) as db:
            call = await self._find(db, who, id)
            all_legs = await legs.list_legs_of_calls(db, tenant_id, [id])
            visits = await queue_visits.list_visits_of_calls(db, tenant_id, [id])
            kept = await recordings.list_recordings(
                db, tenant_id, Page(100), recordings.RecordingFilter(call_id=id)
            )
        return CallDetailOut(
            **CallOut.model_validate(call).model_dump(),
            legs=[LegOut.model_validate(leg) for leg in all_legs],
            queue_visits=[VisitOut.model_validate(visit) for visit in visits],
            recordings=[RecordingRef.model_validate(row) for row in kept.items],
        )

    async def show_timeline(self, who: Principal, id: UUID) -> list[TimelineOut]:
        async with self._database.tenant_tx(who.tenant_id) as db:
            await self._find(db, who, id)
            events = await timeline.list_timeline(db, who.tenant_id, id)
        return [TimelineOut(at=e.at, type=e.type, data=dict(e.data)) for e in events]

    async def _find(self, db: Connection, who: Principal, id: UUID) -> calls.Call:
        """The call, as far as the person may know of it."""
        _admit(who)
        call = await calls.fetch_call(db, who.tenant_id, id)
        if not who.may(Permission.SEE_ALL_CALLS):
            agent_id = who.agent_id
            if agent_id is None or not await calls.call_involves_agent(
                db, who.tenant_id, id, agent_id
            ):
                raise NotFound()
        return call

    def _own_extension(self, who: Principal) -> str | None:
        agents = self._live.agents(who.tenant_id)
        return next((a.extension for a in agents if a.id == who.agent_id), None)


def _takes_part(call: CallSnapshot, who: Principal) -> bool:
    agents = {call.agent_id, *(leg.agent_id for leg in call.legs)} - {None}
    return who.agent_id in agents


def _admit(who: Principal) -> None:
    if not (who.may(Permission.SEE_ALL_CALLS) or who.may(Permission.SEE_OWN_CALLS)):
        raise Forbidden(f"Your role ({who.role.value}) may not do this.")
