"""What was counted today outlives the server; calls it did not survive have flowed out."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import asyncpg

from tests.support.database import FreshDatabase
from tests.support.in_process import in_process, settings_for

_VISIT = """
    insert into queue_visits (tenant_id, work_id, queue_id, entered_at, position, left_at, result,
                              reason, waited_ms)
    select q.tenant_id, $1, q.id, $2, 1, $3, $4, '', $5 from queues q where q.name = 'sales'
"""


async def test_g01_counts_of_today_are_those_of_the_records_after_a_restart(
    fresh_database: FreshDatabase, tmp_path: Path
) -> None:
    url = fresh_database.admin_dsn
    async with in_process(settings_for(tmp_path, url)) as running:
        _, body = await running.get("/queues", await running.sign_in("admin"))
        assert {queue["offered"] for queue in body["data"]} == {0}
    now = datetime.now(UTC)
    owner = await asyncpg.connect(fresh_database.admin_dsn)
    try:
        for waited, result in (
            (4, "answered"),
            (45, "answered"),
            (2, "abandoned"),
            (9, "flowed_out"),
        ):
            left = now - timedelta(seconds=1)
            entered = left - timedelta(seconds=waited)
            await owner.execute(_VISIT, uuid4(), entered, left, result, waited * 1_000)
        before = now - timedelta(days=2)
        await owner.execute(_VISIT, uuid4(), before, before, "answered", 0)
    finally:
        await owner.close()
    async with in_process(settings_for(tmp_path, url)) as running:
        _, body = await running.get("/queues", await running.sign_in("admin"))
    sales = next(queue for queue in body["data"] if queue["name"] == "sales")
    assert (sales["offered"], sales["waiting"]) == (4, 0)
    assert (sales["answered"], sales["abandoned"], sales["flowed_out"]) == (2, 1, 1)
    assert (sales["answered_in_time"], sales["abandoned_short"]) == (1, 1)
    assert sales["service_level"] == 50.0
