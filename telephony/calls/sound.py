"""What callers hear from us; a prompt that cannot be made costs the prompt, never the call."""

import logging
from uuid import UUID

from media.audio import Audio, silence
from media.errors import MediaError
from telephony.calls.call import Call

log = logging.getLogger(__name__)

_NO_MUSIC_MS = 1_000


async def spoken(call: Call, text: str) -> Audio | None:
    """`text` as speech; None where it cannot be made, which is logged."""
    try:
        return await call.context.prompts.say(text)
    except MediaError as error:
        log.error("prompt cannot be played", extra={"error": str(error)})
        return None


async def from_file(call: Call, name: str) -> Audio | None:
    """A file of the prompt folder; None where it cannot be read, which is logged."""
    try:
        return await call.context.prompts.file(name)
    except MediaError as error:
        log.error("prompt cannot be played", extra={"error": str(error)})
        return None


async def from_sound(call: Call, name: str) -> Audio | None:
    """A sound of the tenant; None where there is none or it cannot be read, which is logged."""
    found = call.context.directory.find_sound(call.tenant_id, name)
    if found is None:
        log.error("flow names an unknown sound", extra={"sound": name})
        return None
    return await _stored(call, found.id)


async def _stored(call: Call, sound: UUID) -> Audio | None:
    try:
        return await call.context.prompts.sound(call.context.sound_path(call.tenant_id, sound))
    except MediaError as error:
        log.error("sound cannot be played", extra={"error": str(error)})
        return None


async def music(call: Call) -> Audio:
    """What those who wait hear, to be looped; silence where even our own music fails."""
    if call.music is not None:
        chosen = await _stored(call, call.music)
        if chosen is not None:
            return chosen
    try:
        return await call.context.prompts.music(call.context.music)
    except (MediaError, OSError) as error:
        log.error("music cannot be played", extra={"error": str(error)})
        return silence(_NO_MUSIC_MS)
