import json
import logging

from config.logging import JsonLines, TextLines


def record(message: str, **extra: object) -> logging.LogRecord:
    return logging.getLogger("telephony").makeRecord(
        "telephony", logging.WARNING, "file", 1, message, (), None, extra=extra
    )


def test_text_line_shows_message_and_data() -> None:
    line = TextLines(personal=False).format(record("refused", source="10.0.0.1", reason="no such"))
    assert line.endswith('warning telephony: refused source=10.0.0.1 reason="no such"')


def test_control_characters_never_reach_the_terminal() -> None:
    line = TextLines(personal=False).format(record("bad", user="x\r\n\x1b[31mfake"))
    assert "\x1b" not in line
    assert "\n" not in line


def test_personal_data_is_hidden_unless_debugging() -> None:
    hidden = JsonLines(personal=False).format(record("call", pii_number="0301234567"))
    shown = JsonLines(personal=True).format(record("call", pii_number="0301234567"))
    assert json.loads(hidden)["pii_number"] == "…"
    assert json.loads(shown)["pii_number"] == "0301234567"
