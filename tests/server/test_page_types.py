"""What the web pages read is what the API sends: their types are written by hand."""

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from server.api.resources.agent_settings import AgentSettingsOut
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
    LiveQualityOut,
    QualityOut,
    RecordingRef,
    TimelineOut,
    VisitOut,
)
from server.api.resources.configuration import FlowOut, NumberOut
from server.api.resources.contacts import ContactOut
from server.api.resources.device_tests import DeviceTestOut
from server.api.resources.hours import Holiday, HoursOut
from server.api.resources.phones import PhoneOut, PhoneSettingsOut
from server.api.resources.queue_settings import QueueSettingsOut
from server.api.resources.queues import QueueOut
from server.api.resources.recordings import RecordingOut
from server.api.resources.softphone import IceServerOut, TicketOut
from server.api.resources.sounds import SoundOut, VoiceOut
from server.api.resources.trail import AuditEntryOut
from server.api.resources.trunks import TrunkOut
from server.api.resources.users import AccountOut
from server.api.resources.wrap_up import DispositionOut
from server.web_session import WebSessionOut

API = Path(__file__).resolve().parents[2] / "frontend" / "src" / "api"
TYPES = "".join((API / name).read_text() for name in ("types.ts", "adminTypes.ts"))

MODELS: dict[str, type[BaseModel]] = {
    "Account": AccountOut,
    "Agent": AgentOut,
    "AgentSettings": AgentSettingsOut,
    "AuditEntry": AuditEntryOut,
    "Call": CallOut,
    "CallDetail": CallDetailOut,
    "Flow": FlowOut,
    "Holiday": Holiday,
    "Choice": ChoiceOut,
    "Contact": ContactOut,
    "DeviceTest": DeviceTestOut,
    "HelpRequest": HelpOut,
    "Leg": LegOut,
    "Disposition": DispositionOut,
    "IceServer": IceServerOut,
    "LiveCall": LiveCallOut,
    "LiveLeg": LiveLegOut,
    "LiveQuality": LiveQualityOut,
    "OpeningHours": HoursOut,
    "Phone": PhoneOut,
    "PhoneNumber": NumberOut,
    "PhoneSettings": PhoneSettingsOut,
    "Quality": QualityOut,
    "Queue": QueueOut,
    "QueueSettings": QueueSettingsOut,
    "QueueVisit": VisitOut,
    "Recording": RecordingOut,
    "RecordingRef": RecordingRef,
    "Sound": SoundOut,
    "TimelineEvent": TimelineOut,
    "Trunk": TrunkOut,
    "SoftphoneTicket": TicketOut,
    "User": UserOut,
    "Voice": VoiceOut,
    "WebSession": WebSessionOut,
}


def fields_of(interface: str) -> dict[str, str]:
    """The fields of a TypeScript interface that must be there, each with its type."""
    found = re.search(rf"interface {interface} (?:extends \w+ )?{{\n(.*?)\n}}", TYPES, re.S)
    assert found is not None, interface
    return dict(re.findall(r"^  (\w+): (.+)$", found[1], re.M))


@pytest.mark.parametrize(("interface", "model"), MODELS.items())
def test_every_field_the_pages_read_is_sent(interface: str, model: type[BaseModel]) -> None:
    read = fields_of(interface)
    sent = {field.serialization_alias or name: field for name, field in model.model_fields.items()}
    assert read.keys() <= sent.keys()
    for name, typescript in read.items():
        may_be_null = "None" in str(sent[name].annotation)
        assert ("null" in typescript) == may_be_null, f"{interface}.{name}"
