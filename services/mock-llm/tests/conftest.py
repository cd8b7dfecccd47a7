"""Fixtures: the service as a process, once for the session."""

from collections.abc import Iterator

import pytest

from tests.program import Program, running


@pytest.fixture(scope="session")
def server() -> Iterator[Program]:
    with running() as program:
        program.until_healthy()
        yield program
