"""Log lines for people (text) or machines (JSON), safe to show on a terminal."""

import json
import logging
import traceback
from datetime import UTC, datetime
from typing import Any

from config.settings import LogSettings

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_PERSONAL = "pii_"


def configure_logging(settings: LogSettings) -> None:
    """Send every record to standard error in the chosen form; replaces earlier handlers."""
    personal = settings.level == "debug"
    formatter = (
        JsonLines(personal=personal) if settings.format == "json" else TextLines(personal=personal)
    )
    handler = logging.StreamHandler()
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.level.upper())
    for chatty in ("aiohttp.access", "aioice", "websockets.quiet"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


class TextLines(logging.Formatter):
    """`time level logger: message key=value ...` on one line, control characters escaped."""

    def __init__(self, *, personal: bool) -> None:
        super().__init__()
        self._personal = personal

    def format(self, record: logging.LogRecord) -> str:
        data = "".join(
            f" {escaped(k)}={_shown(v)}" for k, v in _extra(record, self._personal).items()
        )
        line = (
            f"{_time(record)} {record.levelname.lower():<7} {escaped(record.name)}: "
            f"{escaped(record.getMessage())}{data}"
        )
        return "\n".join([line, *(f"    {each}" for each in _traceback(record))])


class JsonLines(logging.Formatter):
    """One JSON object a line."""

    def __init__(self, *, personal: bool) -> None:
        super().__init__()
        self._personal = personal

    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, Any] = {
            "at": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_extra(record, self._personal),
        }
        if trace := _traceback(record):
            fields["exception"] = "\n".join(trace)
        # json escapes every control character but this one.
        return json.dumps(fields, default=str).replace("\x7f", "\\u007f")


def _extra(record: logging.LogRecord, personal: bool) -> dict[str, Any]:
    return {
        key: value if personal or not key.startswith(_PERSONAL) else "…"
        for key, value in vars(record).items()
        if key not in _STANDARD
    }


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")


def _shown(value: object) -> str:
    text = escaped(str(value))
    return json.dumps(text, ensure_ascii=False) if " " in text or not text else text


def escaped(text: str) -> str:
    """One line that a terminal shows as it is, whatever somebody on the network wrote into it."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def _traceback(record: logging.LogRecord) -> list[str]:
    error = record.exc_info[1] if record.exc_info else None
    return _story(error, frozenset()) if error is not None else []


def _story(error: BaseException, told: frozenset[int]) -> list[str]:
    """The traceback, with each exception's own words on one line.

    Not by `traceback.format_exception`, which lets a message, such as one that repeats what a
    stranger sent, go over several lines.
    """
    told |= {id(error)}
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    lines = []
    if before is not None and id(before) not in told:
        lines = [*_story(before, told), "then:"]
    lines.append("Traceback (most recent call last):")
    for frame in traceback.format_tb(error.__traceback__):
        lines += map(escaped, frame.splitlines())
    lines.append(escaped(f"{type(error).__qualname__}: {_words(error)}"))
    lines += [escaped(str(note)) for note in getattr(error, "__notes__", ())]
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            lines += [f"  | {line}" for line in _story(each, told)]
    return lines


def _words(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - a log line must not fail over somebody's __str__
        return "(cannot be shown)"
