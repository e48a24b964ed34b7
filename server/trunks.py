"""Puts together what watches the trunks."""

import asyncio
import hmac
from collections.abc import Callable
from datetime import UTC, datetime

from config.settings import TrunkSettings
from server.auth.secrets_file import load_or_make
from server.data_dir import DataDir
from telephony.directory import Trunk
from telephony.endpoint import SipEndpoint
from telephony.trunk_status import TrunkStateChanged
from telephony.trunks.monitor import Trunks


def watch_trunks(
    endpoint: SipEndpoint,
    tasks: asyncio.TaskGroup,
    settings: TrunkSettings,
    data: DataDir,
    publish: Callable[[TrunkStateChanged], None],
) -> Trunks:
    key = load_or_make(data.nonce_key)

    def line_of(trunk: Trunk) -> str:
        # The same after a restart: what the trunk still knows of us then goes on being right.
        text = f"line\n{trunk.id}\n{trunk.target}\n{trunk.username}"
        return hmac.digest(key, text.encode(), "sha256").hex()[:32]

    return Trunks(
        endpoint,
        tasks,
        settings,
        line_of=line_of,
        publish=publish,
        utcnow=lambda: datetime.now(UTC),
    )
