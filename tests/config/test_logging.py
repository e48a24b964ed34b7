import json
import logging

import pytest

from config.logging import JsonLines, TextLines

BAD = "x\r\n2026-11-20 error server: forged\x1b[31m\x7f\x9b\u2028\u202e"
FORMATTERS = [TextLines(personal=True), JsonLines(personal=True)]


def record(
    message: str, error: BaseException | None = None, /, **extra: object
) -> logging.LogRecord:
    trace = (type(error), error, error.__traceback__) if error is not None else None
    return logging.getLogger("telephony").makeRecord(
        "telephony", logging.WARNING, "file", 1, message, (), trace, extra=extra
    )


def raised() -> BaseException:
    """An exception with a cause, a note and a group around it, all with a stranger's text."""
    try:
        try:
            raise KeyError(BAD)
        except KeyError as cause:
            error = ValueError(BAD)
            error.add_note(BAD)
            raise ExceptionGroup(BAD, [error, OSError(5, BAD)]) from cause
    except ExceptionGroup as group:
        return group


def test_text_line_shows_message_and_data() -> None:
    line = TextLines(personal=False).format(record("refused", source="10.0.0.1", reason="no such"))
    assert line.endswith('warning telephony: refused source=10.0.0.1 reason="no such"')


def test_control_characters_never_reach_the_terminal() -> None:
    line = TextLines(personal=False).format(record("bad", user="x\r\n\x1b[31mfake"))
    assert "\x1b" not in line
    assert "\n" not in line


@pytest.mark.parametrize("formatter", FORMATTERS)
@pytest.mark.parametrize(
    "line",
    [
        record(BAD),
        record("x", **{BAD: 1}),
        record("x", value=BAD, more={BAD: [BAD]}),
        record("x", value=ValueError(BAD)),
        record("x", raised()),
        record("x", pii_name=BAD),
    ],
    ids=["message", "key", "value", "exception as value", "traceback", "personal"],
)
def test_nothing_a_stranger_wrote_begins_a_line_or_moves_the_cursor(
    formatter: logging.Formatter, line: logging.LogRecord
) -> None:
    lines = formatter.format(line).split("\n")
    assert all(each.isprintable() for each in lines)
    assert not [each for each in lines[1:] if not each.startswith("    ")]
    assert not [each for each in lines[1:] if each.lstrip(" |").startswith("2026")]


def test_traceback_says_where_and_what() -> None:
    text = TextLines(personal=False).format(record("x", raised()))
    assert "in raised" in text
    assert "raise KeyError(BAD)" in text
    assert "ValueError: x\\r\\n2026" in text
    trace = json.loads(JsonLines(personal=False).format(record("x", raised())))["exception"]
    assert "in raised" in trace
    assert "\x1b" not in trace
    assert "\n2026" not in trace


def test_personal_data_is_hidden_unless_debugging() -> None:
    hidden = JsonLines(personal=False).format(record("call", pii_number="0301234567"))
    shown = JsonLines(personal=True).format(record("call", pii_number="0301234567"))
    assert json.loads(hidden)["pii_number"] == "…"
    assert json.loads(shown)["pii_number"] == "0301234567"
