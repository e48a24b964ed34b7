"""What every call needs of its surroundings, in one place."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol
from uuid import UUID

from config.tenancy import TenantId
from media.engine import MediaEngine
from media.prompts import PromptStore
from routing.dispatcher import Dispatcher
from telephony.directory import Directory, Trunk
from telephony.endpoint import SipEndpoint
from telephony.events import CallId, TelephonyEvent
from telephony.registrar import BindingStore, Registrar
from telephony.transport.flow import Flow


@dataclass(slots=True)
class CallContext:
    endpoint: SipEndpoint
    engine: MediaEngine
    prompts: PromptStore
    registrar: Registrar
    dispatchers: Callable[[TenantId], Dispatcher]
    publish: Callable[[TelephonyEvent], None]
    recordings: Path
    """Folder below which recordings are kept."""
    sound_path: Callable[[UUID, UUID], Path]
    """File of a sound, by its tenant and id."""
    music: Path | None
    """Folder of music for those who wait; our own when None."""
    trunk_is_down: Callable[[Trunk], bool]
    """Whether a call over it would come to nothing."""
    utcnow: Callable[[], datetime]
    new_id: Callable[[], UUID]
    directory: Directory
    bindings: BindingStore
    """Where registrations are kept over a restart."""
    silent_flows: set[Flow] = field(default_factory=set)
    """Connections of browsers that do not answer any more: nobody is rung over them."""

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()


class CallRef(Protocol):
    """What a party needs of its call."""

    @property
    def id(self) -> CallId: ...
    @property
    def context(self) -> CallContext: ...
    @property
    def tenant_id(self) -> object: ...
