"""Finds ports nobody uses just now, for peers that cannot choose their own."""

import random
import socket

_RANGE = (12_000, 29_000)
"""Below those the system hands out to whoever asks for any port: what is free there stays so."""


def free_port_block(size: int) -> int:
    """The first of `size` consecutive ports, free for TCP and UDP on 127.0.0.1."""
    chance = random.SystemRandom()
    for _ in range(200):
        first = chance.randrange(*_RANGE)
        if all(_is_free(first + i) for i in range(size)):
            return first
    raise RuntimeError("no free ports on this machine")


def _is_free(port: int) -> bool:
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        with socket.socket(socket.AF_INET, kind) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                return False
    return True
