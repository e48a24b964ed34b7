"""What every leg of a user agent shares."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from telephony.sip.dialog import Dialog, DialogId
from telephony.sip.message import Request
from telephony.sip.uri import SipUri
from telephony.transport.flow import Address, Flow
from telephony.ua.layer import ServerEntry, TransactionLayer

ALLOW = "INVITE, ACK, BYE, CANCEL, OPTIONS, INFO, UPDATE, REFER, REGISTER"


class DialogOwner(Protocol):
    def receive_request(self, request: Request, entry: ServerEntry) -> None: ...
    def receive_ack(self, request: Request) -> None: ...


class DialogTable:
    """Which leg a request inside a dialog is for."""

    def __init__(self) -> None:
        self._owners: dict[DialogId, tuple[Dialog, DialogOwner]] = {}

    def __len__(self) -> int:
        return len(self._owners)

    def add(self, dialog: Dialog, owner: DialogOwner) -> None:
        self._owners[dialog.id] = dialog, owner

    def remove(self, dialog: Dialog) -> None:
        self._owners.pop(dialog.id, None)

    def find(self, request: Request) -> tuple[Dialog, DialogOwner] | None:
        return self._owners.get((request.call_id, request.to.tag or "", request.from_.tag or ""))

    def owner_of(self, dialog_id: DialogId) -> DialogOwner | None:
        found = self._owners.get(dialog_id)
        return None if found is None else found[1]


Resolver = Callable[[str, int, Callable[[Address | None], None]], None]
"""Finds the address of a host and calls back: at once for an address, later for a name."""


@dataclass(slots=True)
class Context:
    layer: TransactionLayer
    resolve: Resolver
    random: Callable[[], float]
    """From 0 up to 1, for the delays the RFC wants random."""
    token: Callable[[], str]
    """A fresh tag, Call-ID or cnonce that nobody can guess."""
    newer_flow: Callable[[Flow, SipUri], Flow | None] = lambda _flow, _contact: None
    """How a peer is reached whose connection is gone, if it has opened another."""
    dialogs: DialogTable = field(default_factory=DialogTable)
    legs: int = 0
    """Legs that have not ended."""
    _contacts: dict[tuple[str, Address], str] = field(default_factory=dict)

    def contact(self, flow: Flow) -> str:
        """Our Contact for a peer on that flow."""
        key = (flow.transport, self.layer.wire.contact_address(flow))
        known = self._contacts.get(key)
        if known is None:
            host, port = key[1]
            host = f"[{host}]" if ":" in host else host
            parameter = "" if flow.transport == "udp" else f";transport={flow.transport}"
            known = self._contacts[key] = f"<sip:{host}:{port}{parameter}>"
        return known
