import logging

import pytest

from server.bus import EventBus


class Rang:
    pass


class Stopped:
    pass


def test_handlers_get_the_type_they_asked_for_in_order() -> None:
    bus, seen = EventBus(), []
    bus.subscribe(Rang, lambda _: seen.append("first"))
    bus.subscribe(Rang, lambda _: seen.append("second"))
    bus.subscribe(Stopped, lambda _: seen.append("stopped"))
    bus.subscribe_every(lambda event: seen.append(type(event).__name__))
    bus.publish(Rang())
    assert seen == ["first", "second", "Rang"]


def test_one_broken_handler_does_not_keep_the_event_from_the_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bus, seen = EventBus(), []

    def broken(_: Rang) -> None:
        raise ZeroDivisionError

    bus.subscribe(Rang, broken)
    bus.subscribe(Rang, lambda _: seen.append("after"))
    with caplog.at_level(logging.ERROR):
        bus.publish(Rang())
    assert seen == ["after"]
    assert caplog.records[0].exc_info is not None
