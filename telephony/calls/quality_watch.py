"""Measures how every live call sounds, and tells of those that people should look at."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from datetime import datetime
from weakref import WeakKeyDictionary

from telephony.calls.call import Call
from telephony.calls.party import Party
from telephony.sound_quality import CallQualityMeasured, Verdict

log = logging.getLogger(__name__)

LOOK_SECONDS = 5.0
"""As often as phones report: between reports there is nothing new of the far end."""
_CALLS_AT_ONCE = 50
"""Then others have their turn on the loop."""


class QualityWatch:
    def __init__(
        self,
        calls: Callable[[], Iterable[Call]],
        tell: Callable[[CallQualityMeasured], None],
        utcnow: Callable[[], datetime],
    ) -> None:
        self._calls = calls
        self._tell = tell
        self._utcnow = utcnow
        self._told = WeakKeyDictionary[Call, Verdict]()

    async def run(self) -> None:
        """Look again and again until cancelled."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                await self._look()
            except Exception:
                log.exception("the quality of calls could not be measured")

    async def _look(self) -> None:
        for number, call in enumerate(list(self._calls()), start=1):
            self._measure(call)
            if number % _CALLS_AT_ONCE == 0:
                await asyncio.sleep(0)

    def _measure(self, call: Call) -> None:
        for party in call.parties:
            if party.answered.done() and not party.ended.done():
                # Figures that the media thread keeps up to date: reading them waits for nobody.
                party.meter.look(party.media.statistics())
        worst = _worst(call.parties)
        quality = worst.meter.quality if worst is not None else None
        verdict = quality.verdict if quality is not None else None
        if verdict is not Verdict.POOR and verdict is self._told.get(call):
            return
        if verdict is None:
            del self._told[call]
        else:
            self._told[call] = verdict
        self._tell(
            CallQualityMeasured(
                tenant_id=call.tenant_id,
                at=self._utcnow(),
                call_id=call.id,
                leg_id=worst.id if worst is not None else None,
                quality=quality,
            )
        )


def _worst(parties: Iterable[Party]) -> Party | None:
    worst: Party | None = None
    most = (-1, 0.0)
    for party in parties:
        quality = party.meter.quality
        if quality is not None and quality.badness > most:
            worst, most = party, quality.badness
    return worst
