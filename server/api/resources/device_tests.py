"""Tests of agents' devices before a shift: microphone, speaker and connection."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from casecore.db.database import Database
from casecore.permissions import Permission
from casecore.store import agents, device_tests
from media.quality import mos, rating
from server.api.administration import note
from server.api.errors import NotFound
from server.api.models import ApiModel, OutModel
from server.api.operation import Operation
from server.auth.principal import Principal

QUIET = 0.15
"""A microphone that was never louder while somebody spoke is as good as none."""
_DEVICES_MS = 60.0
"""Delay of sound card, buffers and frames, which a round trip does not show."""

Milliseconds = Annotated[float, Field(ge=0, le=60_000, allow_inf_nan=False)]


class DeviceTestIn(ApiModel):
    microphone: Literal["there", "missing", "denied", "insecure"]
    level: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] | None = None
    """Loudest while the person spoke: 0 is silence, 1 is full; null where not measured."""
    speaker: bool | None = None
    """Whether the person heard the tone."""
    round_trip_ms: Milliseconds | None = None
    """Of the echo-test call, as the two below; null where there was none."""
    loss_percent: Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)] | None = None
    jitter_ms: Milliseconds | None = None


class DeviceTestOut(OutModel):
    agent_id: UUID
    at: datetime
    verdict: Literal["good", "fair", "poor", "failed"]
    """`failed`: no calls can be taken like this. Else by the worse of MOS and loss."""
    microphone: str
    level: float | None
    speaker: bool | None
    round_trip_ms: float | None
    loss_percent: float | None
    jitter_ms: float | None
    mos: float | None
    """E-model estimate of the echo-test call, 1.0 to 4.5 (ITU-T G.107)."""


class DeviceTests:
    def __init__(self, database: Database) -> None:
        self._database = database

    def operations(self) -> list[Operation]:
        common: dict[str, Any] = {"tag": "agents"}
        return [
            Operation(
                method="GET", path="/device-tests", handler=self.list_tests,
                may=Permission.SEE_AGENTS, returns=list[DeviceTestOut],
                summary="The last device test of each agent; agents see their own.", **common,
            ),
            Operation(
                method="PUT", path="/agents/{id}/device-test", handler=self.put_test,
                parameters={"id": UUID}, may=Permission.SET_OWN_STATE, body=DeviceTestIn,
                returns=DeviceTestOut,
                summary="Keep what the own device test found; the server says how good it is.",
                **common,
            ),
        ]  # fmt: skip

    async def list_tests(self, who: Principal) -> list[DeviceTestOut]:
        own = None if who.may(Permission.SET_ANY_STATE) else who.agent_id
        if own is None and not who.may(Permission.SET_ANY_STATE):
            return []
        async with self._database.tenant_tx(who.tenant_id) as db:
            rows = await device_tests.list_device_tests(db, who.tenant_id, own)
        return [DeviceTestOut.model_validate(row) for row in rows]

    async def put_test(self, who: Principal, id: UUID, body: DeviceTestIn) -> DeviceTestOut:
        if who.agent_id != id:
            raise NotFound  # nobody can try somebody else's microphone
        found = device_tests.DeviceTest(
            agent_id=id,
            at=datetime.now(UTC),
            mos=_mos(body),
            verdict=verdict_of(body),
            **body.model_dump(),
        )
        async with self._database.tenant_tx(who.tenant_id) as db:
            await agents.fetch_agent(db, who.tenant_id, id)
            row = await device_tests.put_device_test(db, who.tenant_id, found)
            await note(db, who, "device_test", id, verdict=row.verdict)
        return DeviceTestOut.model_validate(row)


def verdict_of(test: DeviceTestIn) -> Literal["good", "fair", "poor", "failed"]:
    """Whether calls can be taken like this, and how well they will sound."""
    sound = _mos(test)
    is_heard = test.microphone == "there" and (test.level is None or test.level >= QUIET)
    if not is_heard or test.speaker is False or sound is None:
        return "failed"
    loss = test.loss_percent or 0.0
    if sound >= 4.0 and loss <= 1.0:
        return "good"
    return "fair" if sound >= 3.5 and loss <= 3.0 else "poor"


def _mos(test: DeviceTestIn) -> float | None:
    if test.loss_percent is None:
        return None
    # A jitter buffer has to be about twice as long as the jitter.
    delay = (test.round_trip_ms or 0.0) / 2 + 2 * (test.jitter_ms or 0.0) + _DEVICES_MS
    return round(mos(rating(loss_percent=test.loss_percent, one_way_delay_ms=delay)), 2)
