"""What the web pages read is what the API sends: their types are written by hand."""

import re
from pathlib import Path

import pytest

from server.api.models import OutModel
from server.api.resources.agents import AgentOut
from server.api.resources.auth import UserOut
from server.api.resources.calls import (
    CallDetailOut,
    CallOut,
    ChoiceOut,
    HelpOut,
    LegOut,
    LiveCallOut,
    LiveLegOut,
    QualityOut,
    RecordingRef,
    TimelineOut,
    VisitOut,
)
from server.api.resources.contacts import ContactOut
from server.api.resources.device_tests import DeviceTestOut
from server.api.resources.queues import QueueOut
from server.api.resources.recordings import RecordingOut
from server.api.resources.wrap_up import DispositionOut
from server.web_session import WebSessionOut

TYPES = Path(__file__).resolve().parents[2] / "frontend" / "src" / "api" / "types.ts"

MODELS: dict[str, type[OutModel]] = {
    "Agent": AgentOut,
    "Call": CallOut,
    "CallDetail": CallDetailOut,
    "Choice": ChoiceOut,
    "Contact": ContactOut,
    "DeviceTest": DeviceTestOut,
    "HelpRequest": HelpOut,
    "Leg": LegOut,
    "Disposition": DispositionOut,
    "LiveCall": LiveCallOut,
    "LiveLeg": LiveLegOut,
    "Quality": QualityOut,
    "Queue": QueueOut,
    "QueueVisit": VisitOut,
    "Recording": RecordingOut,
    "RecordingRef": RecordingRef,
    "TimelineEvent": TimelineOut,
    "User": UserOut,
    "WebSession": WebSessionOut,
}


def fields_of(interface: str) -> dict[str, str]:
    """The fields of a TypeScript interface that must be there, each with its type."""
    found = re.search(
        rf"interface {interface} (?:extends \w+ )?{{\n(.*?)\n}}", TYPES.read_text(), re.S
    )
    assert found is not None, interface
    return dict(re.findall(r"^  (\w+): (.+)$", found[1], re.M))


@pytest.mark.parametrize(("interface", "model"), MODELS.items())
def test_every_field_the_pages_read_is_sent(interface: str, model: type[OutModel]) -> None:
    read, sent = fields_of(interface), model.model_fields
    assert read.keys() <= sent.keys()
    for name, typescript in read.items():
        may_be_null = "None" in str(sent[name].annotation)
        assert ("null" in typescript) == may_be_null, f"{interface}.{name}"
