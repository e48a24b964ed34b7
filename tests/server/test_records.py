"""What the events of a call leave in the database, and which of its refusals are passing."""

from typing import Any, NoReturn

import pytest

from casecore.db.errors import DatabaseError, DatabaseUnavailable, DatabaseUnfit
from server.bindings.records import Records
from server.journal.journal import SinkUnavailable
from server.journal.segments import Position
from tests.support.events import call_started


class Refusing:
    """A database that lends no connection."""

    def __init__(self, error: DatabaseError) -> None:
        self.error = error

    def system_tx(self) -> NoReturn:
        raise self.error


@pytest.mark.parametrize("error", [DatabaseUnavailable("away"), DatabaseUnfit("no such role")])
async def test_database_that_does_not_serve_makes_records_wait(error: DatabaseError) -> None:
    database: Any = Refusing(error)
    records = Records(database, node="main")
    with pytest.raises(SinkUnavailable):
        await records.position()
    with pytest.raises(SinkUnavailable):
        await records.apply([call_started()], Position(0, 1))


async def test_other_fault_of_the_database_is_the_events_own() -> None:
    database: Any = Refusing(DatabaseError("a statement had failed"))
    with pytest.raises(DatabaseError):
        await Records(database, node="main").apply([call_started()], Position(0, 1))
