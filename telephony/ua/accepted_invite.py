"""Our 2xx to an INVITE, from the moment it is sent until its ACK comes or is given up."""

from collections.abc import Callable

from telephony.sip.ack_wait import AckWait
from telephony.sip.effects import AckNotReceived
from telephony.ua.layer import ServerEntry, TransactionLayer


class AcceptedInvite:
    def __init__(
        self,
        layer: TransactionLayer,
        entry: ServerEntry,
        data: bytes,
        *,
        cseq: int,
        carried_offer: bool,
        on_no_ack: Callable[[], None],
    ) -> None:
        self.scheduled: float | None = None
        self.cseq = cseq
        self.carried_offer = carried_offer
        self._layer = layer
        self._entry = entry
        self._data = data
        self._on_no_ack = on_no_ack
        self._wait = AckWait(data, now=layer.clock())
        layer.deadlines.watch(self)

    def next_timeout(self) -> float | None:
        return self._wait.next_timeout()

    def handle_timeout(self, *, now: float) -> None:
        for effect in self._wait.handle_timeout(now=now):
            if isinstance(effect, AckNotReceived):
                self._on_no_ack()
            else:
                self._layer.repeat_2xx(self._entry, self._data)

    def receive_ack(self) -> None:
        self._wait.receive_ack()
        self._layer.settle(self._entry)
