"""Health, with a database that stops and starts."""

import asyncio
import os
import signal
import socket
import time
from pathlib import Path

import pytest
from sqlalchemy import text

from tests.conftest import Start
from tests.servers import Postgres
from tests.support import App, refused
from todo_api.database import CONNECTIONS
from todo_testing.program import free_port


async def test_all_is_well(app: App) -> None:
    checks = {"database": "up", "migrations": "up", "redis": "off", "mcp": "off", "ai": "off"}
    for path in ("/ready", "/api/health"):
        answer = await app.client.get(path)
        assert answer.status_code == 200
        expected = {"status": "ok", "down": [], "degraded": [], "checks": checks}
        assert answer.json() == expected
    assert (await app.client.get("/health")).json() == {"status": "ok"}


async def test_the_database_goes_away_and_comes_back(start: Start, postgres: Postgres) -> None:
    async with start(DATABASE_URL=postgres.fresh()) as app:
        task = await app.add("kept")
        postgres.stop()
        try:
            for path in ("/ready", "/api/health"):
                answer = await app.client.get(path)
                assert answer.status_code == 503
                assert answer.json()["status"] == "down"
                assert "database" in answer.json()["down"]
            assert (await app.client.get("/health")).status_code == 200
            answer = await app.client.get("/api/tasks")
            message = refused(answer, 503, "database_unavailable")
            assert "127.0.0.1" not in message and "Error" not in message
            refused(await app.internal("GET", ""), 503, "database_unavailable")
            answer = await app.client.post("/api/tasks", json={"title": "lost"})
            refused(answer, 503, "database_unavailable")
        finally:
            postgres.start()
        await app.ready()
        assert await app.titles() == ["kept"]
        assert (await app.client.get(f"/api/tasks/{task['id']}")).json() == task


async def test_the_log_says_where_the_database_is(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    url = f"postgresql://todo:pass-canary@127.0.0.1:{free_port()}/todo"
    async with start(DATABASE_URL=url, wait=False) as app:
        body = await app.ready(503)
        assert "127.0.0.1" not in str(body)
    place = url.split("@")[1].split("/")[0]
    causes = [getattr(record, "fields", {}).get("cause", "") for record in caplog.records]
    assert any(cause.startswith(f"the database cannot be used: {place}: ") for cause in causes)
    assert not any("pass-canary" in cause for cause in causes)


async def test_a_database_that_comes_late(start: Start, postgres: Postgres) -> None:
    url = postgres.fresh()
    postgres.stop()
    try:
        async with start(DATABASE_URL=url, wait=False) as app:
            body = await app.ready(503)
            assert body["down"] == ["database", "migrations"]
            assert body["checks"]["migrations"] == "waiting"
            assert (await app.client.get("/health")).status_code == 200
            refused(await app.client.get("/api/tasks"), 503, "not_ready")
            await asyncio.sleep(1)
            postgres.start()
            await app.ready()
            await app.add("x")
            assert await app.titles() == ["x"]
    finally:
        if postgres.process is None:
            postgres.start()


async def test_a_connection_that_is_cut_is_not_noticed(start: Start, postgres: Postgres) -> None:
    url = postgres.fresh()
    async with start(DATABASE_URL=url) as app:
        await app.add("x")
        name = url.rsplit("/", 1)[1]
        statement = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = "
        postgres.sql(f"{statement}'{name}'")
        assert await app.titles() == ["x"]


async def test_a_database_that_accepts_and_says_nothing(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql://todo@127.0.0.1:{silent.getsockname()[1]}/todo"
        async with start(DATABASE_URL=url, wait=False) as app:
            started = time.monotonic()
            assert "database" in (await app.ready(503))["down"]
            assert time.monotonic() - started < 10
            assert (await app.client.get("/health")).status_code == 200


async def test_a_database_that_falls_silent(start: Start, postgres: Postgres) -> None:
    async with start(DATABASE_URL=postgres.fresh()) as app:
        await app.add("x")
        backends = postgres.sql("SELECT pid FROM pg_stat_activity WHERE datname <> 'postgres'")
        assert postgres.process is not None
        stopped = [int(pid) for pid in backends.split()] + [postgres.process.pid]
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        try:
            for path, limit in (("/ready", 10), ("/health", 1.5), ("/api/tasks", 30)):
                started = time.monotonic()
                answer = await app.client.get(path)
                assert time.monotonic() - started < limit
                assert answer.status_code == (200 if path == "/health" else 503)
        finally:
            for pid in stopped:
                os.kill(pid, signal.SIGCONT)
        await app.ready()
        assert await app.titles() == ["x"]


async def test_another_database_in_the_place_of_ours(start: Start, postgres: Postgres) -> None:
    url = postgres.fresh()
    name = url.rsplit("/", 1)[1]
    async with start(DATABASE_URL=url) as app:
        await app.add("x")
        postgres.sql(f"DROP DATABASE {name} WITH (FORCE)")
        assert "database" in (await app.ready(503))["down"]
        postgres.sql(f"CREATE DATABASE {name}")
        await app.ready()
        assert await app.titles() == []


async def test_a_sqlite_in_a_folder_that_comes_late(start: Start, tmp_path: Path) -> None:
    folder = tmp_path / "volume"
    async with start(DATABASE_URL=f"sqlite:///{folder}/todo.db", wait=False) as app:
        assert "database" in (await app.ready(503))["down"]
        folder.mkdir()
        await app.ready()


async def test_nobody_listens(start: Start) -> None:
    url = f"postgresql://todo@127.0.0.1:{free_port()}/todo"
    async with start(DATABASE_URL=url, wait=False) as app:
        assert "database" in (await app.ready(503))["down"]


async def test_requests_that_use_all_connections(start: Start, postgres: Postgres) -> None:
    async with start(DATABASE_URL=postgres.fresh()) as app:

        async def slow() -> None:
            async with app.parts.database.reading() as session:
                await session.execute(text("SELECT pg_sleep(4)"))

        used = [asyncio.create_task(slow()) for _ in range(sum(CONNECTIONS))]
        await asyncio.sleep(0.5)
        began = time.monotonic()
        for body in await asyncio.gather(*(app.ready() for _ in range(20))):
            assert body["checks"]["database"] == "up"
        assert time.monotonic() - began < 2
        # No request gets a connection in time, which is not an error of the database.
        refused(await app.client.get("/api/tasks"), 503, "busy")
        await asyncio.gather(*used)
        assert await app.titles() == []


async def test_many_ask_at_once(start: Start, postgres: Postgres) -> None:
    async with start(DATABASE_URL=postgres.fresh()) as app:
        readiness, asked = app.parts.readiness, 0
        revision = readiness._revision

        async def counted() -> str | None:
            nonlocal asked
            asked += 1
            await asyncio.sleep(0.2)
            return await revision()

        readiness._revision = counted  # type: ignore[method-assign]
        await asyncio.gather(*(app.ready() for _ in range(50)))
        assert asked == 1
