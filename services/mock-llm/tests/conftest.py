"""Fixtures: the service as a process, started once per session."""

from collections.abc import Iterator

import pytest

from todo_testing.program import Program, running


@pytest.fixture(scope="session")
def server() -> Iterator[Program]:
    with running("mock-llm", "mock_llm") as program:
        program.until("/health")
        yield program
