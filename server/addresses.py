"""Why an address of the settings cannot be listened on."""

import errno
import os


class AddressUnusable(Exception):
    """One line for the person who runs the server, naming the setting."""

    def __init__(self, section: str, host: str, port: int, error: OSError) -> None:
        reason = os.strerror(error.errno) if error.errno else str(error)
        text = f"{section}.port: cannot listen on port {port} on {host}: {reason}"
        if error.errno == errno.EADDRINUSE:
            text = f"{section}.port: port {port} on {host} is already in use"
        elif error.errno == errno.EADDRNOTAVAIL:
            text = f"{section}.host: {host} is not an address of this machine"
        super().__init__(text)
