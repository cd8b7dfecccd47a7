"""What tests share: processes of both services, and clients."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import httpx2
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import TextContent

from tests.tokens import minted
from todo_mcp.backend import Backend
from todo_mcp.server import create_app
from todo_mcp.settings import Settings

TOKEN = "token-canary-of-thirty-two-characters"
BACKEND = Path(__file__).parents[2] / "backend"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        assert isinstance(port, int)
        return port


class Program:
    """A process of one of the services."""

    def __init__(self, module: str, folder: Path, **env: str) -> None:
        self.port = int(env.get("PORT") or free_port())
        self.url = f"http://127.0.0.1:{self.port}"
        # A file and not a pipe: one that nobody reads is full at some time, and its writer stands.
        self.log = tempfile.TemporaryFile("w+")  # noqa: SIM115  (`program` closes it)
        base = {"PATH": os.environ["PATH"], "HOST": "127.0.0.1", "PORT": str(self.port)}
        self.process = subprocess.Popen(
            [sys.executable, "-m", module],
            cwd=folder,
            env=base | env,
            stdout=self.log,
            stderr=subprocess.STDOUT,
        )

    def until(self, path: str) -> None:
        deadline = time.monotonic() + 20
        while self.status(path) != 200:
            assert time.monotonic() < deadline and self.process.poll() is None
            time.sleep(0.05)

    def status(self, path: str) -> int:
        try:
            with urlopen(self.url + path, timeout=5) as answer:
                return int(answer.status)
        except HTTPError as error:
            return error.code
        except OSError:
            return 0

    def end(self, number: signal.Signals = signal.SIGTERM) -> list[dict[str, Any]]:
        """Ends it and returns its log lines: every one of them is JSON."""
        self.process.send_signal(number)
        return [json.loads(line) for line in self.output().splitlines()]

    def output(self) -> str:
        """What it wrote until its end, which must be near."""
        self.process.wait(20)
        self.log.seek(0)
        return self.log.read()


@contextlib.contextmanager
def program(module: str, folder: Path, **env: str) -> Iterator[Program]:
    running = Program(module, folder, **env)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.process.kill()
        running.process.wait()
        running.log.close()


@contextlib.contextmanager
def backend(database: Path, **env: str) -> Iterator[Program]:
    """The real backend on a SQLite."""
    base = {"DATABASE_URL": f"sqlite:///{database}", "INTERNAL_API_TOKEN": TOKEN}
    with program("todo_api", BACKEND, **(base | env)) as running:
        running.until("/ready")
        yield running


class Tools:
    """The tools as an MCP client has them."""

    def __init__(self, client: Client) -> None:
        self.client = client

    async def call(self, name: str, **arguments: Any) -> Any:
        """What the tool gives; it must not fail."""
        result = await self.client.call_tool(name, arguments)
        assert not result.is_error, result.content
        return result.structured_content

    async def error(self, name: str, **arguments: Any) -> str:
        """What the tool says; it must fail."""
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
    """The service in this process, in front of a backend that does what a test wants."""
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
