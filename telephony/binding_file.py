"""Keeps registrations on disk, so that phones are reachable at once after a restart.

Only bindings over UDP are worth keeping: a stream connection ends with the process.
"""

import asyncio
import json
import logging
import os
from pathlib import Path
from typing import Any
from uuid import UUID

from config.tenancy import TenantId
from telephony.registrar import KeptBinding
from telephony.sip.uri import BadUri, SipUri
from telephony.transport.flow import Address, Flow

log = logging.getLogger(__name__)

_VERSION = 1
_MOST_BYTES = 64 * 1024 * 1024


class BindingFile:
    """One JSON file, replaced as a whole."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def read(self) -> list[KeptBinding]:
        """What was kept; nothing, with a line in the log, where the file cannot be read."""
        return await asyncio.to_thread(self._read)

    async def write(self, bindings: list[KeptBinding]) -> None:
        """Raises OSError; the file is the old one then."""
        await asyncio.to_thread(self._write, bindings)

    def _read(self) -> list[KeptBinding]:
        try:
            if self._path.stat().st_size > _MOST_BYTES:
                raise ValueError("too large")
            document = json.loads(self._path.read_bytes())
            if document["version"] != _VERSION:
                raise ValueError(f"version {document['version']}")
            return [_parse(item) for item in document["bindings"]]
        except FileNotFoundError:
            return []
        except (OSError, ValueError, KeyError, TypeError, BadUri) as error:
            log.warning(
                "kept registrations cannot be read, phones have to register again",
                extra={"path": str(self._path), "error": str(error)},
            )
            return []

    def _write(self, bindings: list[KeptBinding]) -> None:
        document = {"version": _VERSION, "bindings": [_render(b) for b in bindings]}
        fresh = self._path.with_suffix(".new")
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "w") as file:
            json.dump(document, file)
            file.flush()
            os.fsync(handle)
        fresh.replace(self._path)


def _render(kept: KeptBinding) -> dict[str, Any]:
    return {
        "tenant": str(kept.tenant_id),
        "user": kept.user,
        "contact": str(kept.contact),
        "remote": list(kept.flow.remote),
        "local": list(kept.flow.local),
        "expires": kept.expires,
        "call_id": kept.call_id,
        "cseq": kept.cseq,
    }


def _parse(item: dict[str, Any]) -> KeptBinding:
    return KeptBinding(
        tenant_id=TenantId(UUID(item["tenant"])),
        user=str(item["user"]),
        contact=SipUri.parse(item["contact"]),
        flow=Flow("udp", _address(item["remote"]), _address(item["local"])),
        expires=float(item["expires"]),
        call_id=str(item["call_id"]),
        cseq=int(item["cseq"]),
    )


def _address(pair: list[Any]) -> Address:
    host, port = pair
    return str(host), int(port)
