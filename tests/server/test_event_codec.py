import json
from dataclasses import fields
from uuid import uuid4

import pytest

from server.event_codec import EVENT_TYPES, UndecodableEvent, call_of, decode, encode, schemas
from telephony.events import CallId
from tests.support.events import call_started, leg_ended, work_assigned


def test_event_survives_the_way_through_its_line() -> None:
    call = CallId(uuid4())
    for event in (call_started(call), leg_ended(call), work_assigned(call, uuid4())):  # type: ignore[arg-type]
        assert decode(encode(event).line) == event


def test_line_is_one_line_whatever_the_caller_calls_himself() -> None:
    line = encode(call_started(caller='x\r\n"\x1b[31m')).line
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert json.loads(line)["data"]["caller"] == 'x\r\n"\x1b[31m'


@pytest.mark.parametrize(
    "line",
    [b"", b'{"type":"CallStarted","da', b'{"type":"Unheard","data":{}}', b"[]", b"\xff\xfe"],
)
def test_damaged_line_is_told_from_an_event(line: bytes) -> None:
    with pytest.raises(UndecodableEvent):
        decode(line)


def test_every_event_names_its_tenant_and_time_first() -> None:
    for cls in EVENT_TYPES.values():
        assert [f.name for f in fields(cls)][:2] == ["tenant_id", "at"]


def test_work_item_of_a_voice_call_belongs_to_the_call() -> None:
    call = CallId(uuid4())
    assert call_of(work_assigned(call, uuid4())) == call  # type: ignore[arg-type]


def test_every_event_has_a_schema() -> None:
    described = schemas()
    assert described.keys() == EVENT_TYPES.keys()
    assert described["CallEnded"]["required"][:2] == ["tenant_id", "at"]
