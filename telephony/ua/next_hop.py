"""Where a request inside a dialog is really sent: along its route, or back where the peer is."""

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address

from telephony.sip.dialog import Dialog
from telephony.sip.uri import SipUri
from telephony.transport.flow import Flow
from telephony.ua.layer import Wire


def flow_for(dialog: Dialog, flow: Flow, wire: Wire, *, pinned: bool) -> Flow:
    """`flow` is how we last reached the peer; `pinned`: it is the only way, whatever Contact says.

    A stream is used again while it is open. A name in a Contact is not looked up: the peer's
    packets say well enough where it is.
    """
    if flow.reliable and wire.is_open(flow):
        return flow
    hop = dialog.next_hop
    port = hop.port or 5060
    if (hop.host, port) == flow.remote and not flow.reliable:
        return flow
    if pinned and not dialog.routes and not flow.reliable:
        return flow
    if not may_follow(hop.host, flow.remote[0]):
        return flow
    return wire.connect(transport_of(hop), (hop.host, port)) or flow


def transport_of(target: SipUri) -> str:
    """A sips URI is never sent to in the clear."""
    if target.scheme == "sips":
        return "tls"
    return target.transport or "udp"


@lru_cache(maxsize=4096)
def may_follow(host: str, source: str) -> bool:
    """Does a peer at `source` plausibly have `host` in its Contact or Record-Route?

    Not where a private address is named to us from a public one, which is how a phone behind a
    NAT looks, nor where our loopback or a multicast group is named by somebody outside.
    """
    named, seen = _address(host), _address(source)
    if named is None or seen is None:
        return False
    if named.is_multicast or named.is_unspecified:
        return False
    return (named.is_private, named.is_loopback, named.is_link_local) == (
        seen.is_private,
        seen.is_loopback,
        seen.is_link_local,
    )


def _address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host.strip("[]"))
    except ValueError:
        return None
