"""Log lines for people (text) or machines (JSON), safe to show on a terminal."""

import json
import logging
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
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)


class TextLines(logging.Formatter):
    """`time level logger: message key=value ...` on one line, control characters escaped."""

    def __init__(self, *, personal: bool) -> None:
        super().__init__()
        self._personal = personal

    def format(self, record: logging.LogRecord) -> str:
        data = "".join(f" {k}={_shown(v)}" for k, v in _extra(record, self._personal).items())
        line = (
            f"{_time(record)} {record.levelname.lower():<7} {record.name}: "
            f"{_escaped(record.getMessage())}{data}"
        )
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return line


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
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return json.dumps(fields, default=str)


def _extra(record: logging.LogRecord, personal: bool) -> dict[str, Any]:
    return {
        key: value if personal or not key.startswith(_PERSONAL) else "…"
        for key, value in vars(record).items()
        if key not in _STANDARD
    }


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")


def _shown(value: object) -> str:
    text = _escaped(str(value))
    return json.dumps(text, ensure_ascii=False) if " " in text or not text else text


def _escaped(text: str) -> str:
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
