"""The last test of each agent's microphone, speaker and connection."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from casecore.db.connection import Connection
from casecore.store.rows import all_of, found, refusals
from config.tenancy import TenantId

_COLUMNS = (
    "agent_id, at, verdict, microphone, level, speaker, round_trip_ms, loss_percent, jitter_ms, mos"
)
_LIST = f"""
    select {_COLUMNS}
      from device_tests
     where tenant_id = $1
       and ($2::uuid is null or agent_id = $2)
     order by at desc, agent_id
"""
_UPSERT = f"""
    insert into device_tests (tenant_id, {_COLUMNS})
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
    on conflict (tenant_id, agent_id) do update
       set at = excluded.at, verdict = excluded.verdict, microphone = excluded.microphone,
           level = excluded.level, speaker = excluded.speaker,
           round_trip_ms = excluded.round_trip_ms, loss_percent = excluded.loss_percent,
           jitter_ms = excluded.jitter_ms, mos = excluded.mos
    returning {_COLUMNS}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceTest:
    agent_id: UUID
    at: datetime
    verdict: str
    """`good`, `fair`, `poor` or `failed`."""
    microphone: str
    """`there`, `missing`, `denied` or `insecure`."""
    level: float | None
    """Loudest while the person spoke, 0 to 1; None where it was not measured, as below."""
    speaker: bool | None
    round_trip_ms: float | None
    loss_percent: float | None
    jitter_ms: float | None
    mos: float | None


async def list_device_tests(
    db: Connection, tenant_id: TenantId, agent_id: UUID | None = None
) -> list[DeviceTest]:
    """Of one agent or all, the newest first."""
    return all_of(DeviceTest, await db.fetch(_LIST, tenant_id, agent_id))


async def put_device_test(db: Connection, tenant_id: TenantId, test: DeviceTest) -> DeviceTest:
    """It takes the place of the agent's one before. Raises UnknownReference."""
    with refusals(f"device test of {test.agent_id}"):
        row = await db.fetchrow(
            _UPSERT,
            tenant_id,
            test.agent_id,
            test.at,
            test.verdict,
            test.microphone,
            test.level,
            test.speaker,
            test.round_trip_ms,
            test.loss_percent,
            test.jitter_ms,
            test.mos,
        )
    return found(DeviceTest, row, f"device test of {test.agent_id}")
