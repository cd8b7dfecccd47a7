"""Fixtures: both services as processes, started once per session."""

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.support import TOKEN, Tools, backend, connected, mcp_server
from todo_testing.program import Program


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    with backend(tmp_path_factory.mktemp("backend") / "todo.db") as running:
        yield running


@pytest.fixture(scope="session")
def server(api: Program) -> Iterator[Program]:
    env = {"INTERNAL_API_TOKEN": TOKEN, "BACKEND_URL": api.url}
    with mcp_server(**env) as running:
        running.until("/health")
        yield running


@pytest.fixture
async def tools(server: Program) -> AsyncIterator[Tools]:
    """The tools, with an empty list."""
    async with connected(server.url) as found:
        for task in (await found.call("list_tasks"))["tasks"]:
            await found.call("delete_task", task_id=task["id"])
        yield found
