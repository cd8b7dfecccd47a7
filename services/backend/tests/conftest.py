"""Fixtures: real servers for the session, and an application for each test."""

import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from httpx2 import ASGITransport, AsyncClient

from tests.servers import Postgres, RedisServer
from tests.support import TOKEN, App
from todo_api.application import create_app
from todo_api.settings import Settings


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    server = Postgres()
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    server = RedisServer()
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture(params=["postgres", "sqlite"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database. Tests that use it run with both kinds."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/todo.db"
    server: Postgres = request.getfixturevalue("postgres")
    return server.fresh()


Start = Callable[..., contextlib.AbstractAsyncContextManager[App]]


@pytest.fixture
def start() -> Start:
    """Starts an application in this process: `async with start(DATABASE_URL=…) as app`."""

    @contextlib.asynccontextmanager
    async def run(*, wait: bool = True, **env: str) -> AsyncIterator[App]:
        api: FastAPI = create_app(Settings.of({"INTERNAL_API_TOKEN": TOKEN, **env}))
        async with api.router.lifespan_context(api):
            transport = ASGITransport(app=api)
            async with AsyncClient(transport=transport, base_url="http://backend:8000") as client:
                app = App(api, client)
                if wait:
                    await app.ready()
                yield app

    return run


@pytest.fixture
async def app(start: Start, database_url: str) -> AsyncIterator[App]:
    async with start(DATABASE_URL=database_url) as running:
        yield running
