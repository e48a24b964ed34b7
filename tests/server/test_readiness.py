"""Readiness: what is named as missing, and that asking costs the database little."""

import asyncio
from collections.abc import Callable

import pytest

from casecore.db.errors import DatabaseUnavailable, DatabaseUnfit
from server.readiness import Readiness
from tests.support.virtual_time import run_virtual


class Base:
    """A database that answers, refuses or hangs."""

    def __init__(self, error: Exception | None = None, *, hangs: bool = False) -> None:
        self.error = error
        self.hangs = hangs
        self.asked = 0

    async def ping(self) -> None:
        self.asked += 1
        if self.hangs:
            await asyncio.sleep(3_600)
        if self.error is not None:
            raise self.error


def readiness(base: Base, parts: dict[str, Callable[[], bool]] | None = None) -> Readiness:
    return Readiness(parts or {}, base.ping, clock=asyncio.get_running_loop().time)


async def test_parts_that_do_not_work_are_named() -> None:
    parts = {"journal": lambda: False, "media engine": lambda: True, "SIP": lambda: False}
    assert await readiness(Base(), parts).missing() == ["journal", "SIP"]


@pytest.mark.parametrize(
    "base",
    [Base(DatabaseUnavailable("away")), Base(DatabaseUnfit("no such role")), Base(hangs=True)],
    ids=["away", "unfit", "hangs"],
)
def test_database_is_missing_when_it_does_not_answer(base: Base) -> None:
    async def ask() -> tuple[list[str], float]:
        return await readiness(base).missing(), asyncio.get_running_loop().time()

    missing, seconds = run_virtual(ask())
    assert missing == ["database"]
    assert seconds <= 2.0


def test_many_who_ask_cost_the_database_one_question_a_second() -> None:
    base = Base()

    async def ask() -> None:
        asked = readiness(base)
        await asyncio.gather(*(asked.missing() for _ in range(50)))
        assert base.asked == 1
        await asyncio.sleep(1.0)
        base.error = DatabaseUnavailable("away")
        assert await asked.missing() == ["database"]

    run_virtual(ask())
    assert base.asked == 2
