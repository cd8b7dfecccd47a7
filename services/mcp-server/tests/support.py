"""Helpers: processes of both services, and clients."""

import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import TextContent

from todo_mcp.backend import Backend
from todo_mcp.server import create_app
from todo_mcp.settings import Settings
from todo_testing.program import Program, running
from todo_testing.tokens import minted

TOKEN = "token-canary-of-thirty-two-characters"


@contextlib.contextmanager
def backend(database: Path, **env: str) -> Iterator[Program]:
    """The real backend with SQLite."""
    base = {"DATABASE_URL": f"sqlite:///{database}", "INTERNAL_API_TOKEN": TOKEN}
    with running("backend", "todo_api", **(base | env)) as service:
        service.until("/ready")
        yield service


def mcp_server(**env: str) -> contextlib.AbstractContextManager[Program]:
    return running("mcp-server", "todo_mcp", **env)


class Tools:
    """The tools as an MCP client sees them."""

    def __init__(self, client: Client) -> None:
        self.client = client

    async def call(self, name: str, **arguments: Any) -> Any:
        """The result of the tool, which must not fail."""
        result = await self.client.call_tool(name, arguments)
        assert not result.is_error, result.content
        return result.structured_content

    async def error(self, name: str, **arguments: Any) -> str:
        """The error of the tool, which must fail."""
        result = await self.client.call_tool(name, arguments)
        assert result.is_error, result.structured_content
        (content,) = result.content
        assert isinstance(content, TextContent)
        assert TOKEN not in content.text
        return content.text

    async def titles(self, status: str = "all") -> list[str]:
        return [task["title"] for task in (await self.call("list_tasks", status=status))["tasks"]]


def bearer(user: str = "local") -> dict[str, str]:
    return {"Authorization": f"Bearer {minted(TOKEN, user)}"}


@contextlib.asynccontextmanager
async def connected(url: str, user: str = "local") -> AsyncIterator[Tools]:
    async with (
        httpx2.AsyncClient(headers=bearer(user)) as http,
        Client(streamable_http_client(f"{url}/mcp", http_client=http)) as client,
    ):
        yield Tools(client)


Answer = Callable[[httpx2.Request], httpx2.Response]


@contextlib.asynccontextmanager
async def faked(answer: Answer) -> AsyncIterator[tuple[Tools, httpx2.AsyncClient]]:
    """The service in this process, with a fake backend."""
    settings = Settings.of({"INTERNAL_API_TOKEN": TOKEN})
    fake = Backend("http://backend:8000", httpx2.MockTransport(answer))
    app = create_app(settings, fake)
    async with app.router.lifespan_context(app):
        transport = httpx2.ASGITransport(app=app)
        url = "http://mcp-server:8001"
        async with (
            httpx2.AsyncClient(transport=transport, base_url=url, headers=bearer()) as http,
            Client(streamable_http_client(f"{url}/mcp", http_client=http)) as client,
        ):
            yield Tools(client), http
