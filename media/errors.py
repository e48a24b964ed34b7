"""What can go wrong with sound; `code` is stable and meant for programs, the message for people."""


class MediaError(Exception):
    code: str = "media_error"


class OverCapacity(MediaError):
    """Admission control refused: one more leg would make every other one sound worse."""

    code = "media_over_capacity"


class NoPortLeft(MediaError):
    """Every RTP port of the configured range is in use or in quarantine."""

    code = "media_no_port_left"


class EngineStopped(MediaError):
    code = "media_engine_stopped"
