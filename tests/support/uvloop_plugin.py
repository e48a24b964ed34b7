"""pytest plugin: run asynchronous tests on uvloop, as the server itself does."""

import pytest
import uvloop


@pytest.fixture(scope="session")
def event_loop_policy() -> object:
    return uvloop.EventLoopPolicy()
