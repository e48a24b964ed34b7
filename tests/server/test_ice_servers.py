"""STUN and TURN servers by configuration: browsers get what expires, never the secret."""

import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_asyncio

from casecore.db.database import Database
from casecore.permissions import Role
from config.settings import IceSettings
from config.sources import ConfigError, load_settings
from config.tenancy import TenantId
from server.ice_servers import IceServers
from tests.support.api import Api, api_over

SECRET = "a-secret-of-the-turn-server"
SETTINGS = IceSettings.model_validate(
    {
        "stun": ["stun:stun.example"],
        "turn": ["turn:turn.example:3478?transport=udp", "turns:[2001:db8::1]:443"],
        "turn_secret": SECRET,
        "turn_seconds": 7_200,
    }
)
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def test_turn_credential_is_the_secrets_signature_below_name_and_time() -> None:
    stun, turn = IceServers(SETTINGS, utcnow=lambda: NOW).offered_to("user7")
    assert (stun.urls, stun.username, stun.credential) == (("stun:stun.example",), None, None)
    assert turn.urls == SETTINGS.turn
    assert turn.username == f"{int(NOW.timestamp()) + 7_200}:user7"
    signed = hmac.new(SECRET.encode(), turn.username.encode(), hashlib.sha1).digest()
    assert turn.credential == base64.b64encode(signed).decode()


def test_without_settings_no_server_is_named() -> None:
    assert IceServers(IceSettings()).offered_to("user7") == []


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({"turn": ["turn:a"]}, "ice: turn and turn_secret belong together: turn_secret is not set"),
        ({"turn_secret": SECRET}, "ice: turn and turn_secret belong together: turn is not set"),
        ({"stun": ["stun.example"]}, "ice.stun: "),
        ({"stun": ["stun:a b"]}, "ice.stun: "),
        ({"turn": ["turn:a?transport=sctp"], "turn_secret": SECRET}, "ice.turn: "),
        ({"turn": ["turn:a"], "turn_secret": "short"}, "ice.turn_secret: "),
        ({"turn_seconds": 60}, "ice.turn_seconds: must be from 7200 to 604800"),
    ],
)
def test_mistake_is_one_line_without_the_secret(section: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load_settings(None, {"ice": section})
    assert str(refused.value).startswith(said)
    assert SECRET not in str(refused.value)


@pytest_asyncio.fixture
async def api(
    database: Database, tenant: TenantId, other_tenant: TenantId, tmp_path: Path
) -> AsyncIterator[Api]:
    async with api_over(database, tenant, other_tenant, tmp_path, ice=SETTINGS) as served:
        yield served


async def test_ticket_brings_the_servers_and_not_the_secret(api: Api) -> None:
    status, body = await api.ask("POST", "/softphone/tickets", role=Role.AGENT)
    assert status == 201
    stun, turn = body["data"]["ice_servers"]
    assert stun == {"urls": ["stun:stun.example"], "username": None, "credential": None}
    user_id = api.users[api.here.tenant_id, Role.AGENT]
    assert turn["username"].endswith(f":{user_id.hex}")
    assert turn["credential"]
    assert SECRET not in json.dumps(body)
