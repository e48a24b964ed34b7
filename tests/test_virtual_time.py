import asyncio
import time

import pytest

from tests.support.virtual_time import Deadlock, run_virtual


def test_an_hour_passes_at_once_and_in_order() -> None:
    seen: list[tuple[float, str]] = []

    async def note(after: float, what: str) -> None:
        await asyncio.sleep(after)
        seen.append((asyncio.get_running_loop().time(), what))

    async def main() -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(note(3_600, "late"))
            tasks.create_task(note(0.5, "early"))

    started = time.monotonic()
    run_virtual(main())
    assert seen == [(0.5, "early"), (3_600.0, "late")]
    assert time.monotonic() - started < 60


def test_waiting_for_nothing_is_told_instead_of_hanging() -> None:
    async def main() -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(Deadlock):
        run_virtual(main())


def test_timeout_of_the_caller_works() -> None:
    async def main() -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(20):
                await asyncio.sleep(3_600)
        return asyncio.get_running_loop().time()

    assert run_virtual(main()) == 20.0
