"""Whatever the OpenAPI document allows or forbids is sent, and every answer must be as it says."""

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings, strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from casecore.permissions import Role
from tests.support.api import Api

CHECKS: list[Any] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
EXAMPLES = 6
"""Of each kind for each operation: a quarter of a minute for all of them on a busy machine."""

LIMITS = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def rows(api: Api) -> list[str]:
    """Ids that there are: made-up ones find nothing."""
    here = api.here
    live = api.live.calls(here.tenant_id)[0].id
    known = (here.agent.id, here.call.id, here.recording_id, here.flow.id, here.trunk.id)
    return [
        str(each)
        for each in (*known, here.calendar.id, here.music.id, here.user.id, here.queue.id, live)
    ]


@dataclass(frozen=True, slots=True)
class Sender:
    url: str
    headers: dict[str, str]
    ids: list[str]
    mode: GenerationMode


def send_examples(operation: Any, sender: Sender) -> None:
    """Send examples of one operation and check each answer."""
    cases = operation.as_strategy(generation_mode=sender.mode)
    ids = st.one_of(st.none(), st.sampled_from(sender.ids))

    @LIMITS
    @given(case=cases, id=ids)
    def send(case: Case[Any], id: str | None) -> None:
        if (
            sender.mode is GenerationMode.POSITIVE
            and id is not None
            and "id" in case.path_parameters
        ):
            case.path_parameters["id"] = id
        with requests.Session() as session:
            case.call_and_validate(
                base_url=sender.url, session=session, headers=sender.headers, checks=CHECKS
            )

    send()


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
@pytest.mark.parametrize("role", [Role.ADMINISTRATOR, Role.VIEWER])
async def test_every_answer_is_as_the_document_says(
    api: Api, role: Role, mode: GenerationMode
) -> None:
    document = await (await api.client.get("/api/v1/openapi.json")).json()
    schema = schemathesis.openapi.from_dict(document)
    url = str(api.client.make_url("")).rstrip("/")
    sender = Sender(url, api.headers(role), rows(api), mode)
    found: list[Any] = list(schema.get_all_operations())
    operations = [each.ok() for each in found]
    assert len(operations) == len(api.http.operations)
    for operation in operations:
        await asyncio.to_thread(send_examples, operation, sender)
