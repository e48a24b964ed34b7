"""Sorting is by listed columns only, and statements are whole before anybody asks."""

import pytest

from casecore.paging import BadSort, Page, ordered, orderings

STATEMENTS = orderings(
    "select name from things", {"name": "lower(name)"}, unique="id", page="limit $1"
)


def test_both_directions_of_every_column_are_written_out() -> None:
    assert STATEMENTS == {
        ("name", "asc"): (
            "select name from things order by lower(name) asc nulls last, id asc limit $1"
        ),
        ("name", "desc"): (
            "select name from things order by lower(name) desc nulls last, id desc limit $1"
        ),
    }


def test_default_column_is_used_when_none_is_asked_for() -> None:
    assert ordered(STATEMENTS, Page(order="asc"), default="name") == STATEMENTS["name", "asc"]


def test_unknown_column_is_refused_by_name() -> None:
    with pytest.raises(BadSort, match="sort must be one of name"):
        ordered(STATEMENTS, Page(sort="id"), default="name")
