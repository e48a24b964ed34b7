"""Finds ports nobody uses just now, for peers that cannot choose their own."""

import socket


def free_port_block(size: int) -> int:
    """The first of `size` consecutive ports, free for TCP and UDP on 127.0.0.1."""
    for _ in range(200):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", 0))
            first = int(probe.getsockname()[1])
        if first + size < 65_535 and all(_is_free(first + i) for i in range(size)):
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
