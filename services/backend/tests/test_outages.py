"""Services that crash during a chat: the error names them, and the chat recovers."""

import asyncio
import signal
from collections.abc import AsyncIterator

import pytest

from tests.conftest import Start
from tests.fake_model import DONE, call, calls, piece, says
from tests.servers import Postgres, RedisServer
from tests.support import refused
from tests.talk import Talk, results, talking, text

HEAD = b"HTTP/1.1 200 X\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"


@pytest.fixture
async def talk(start: Start, postgres: Postgres, redis_server: RedisServer) -> AsyncIterator[Talk]:
    env = {"DATABASE_URL": postgres.fresh(), "REDIS_URL": redis_server.url}
    async with talking(start, **env) as found:
        yield found


def crash(postgres: Postgres) -> None:
    """Stops without closing connections, as if the node failed."""
    assert postgres.process is not None
    postgres.process.send_signal(signal.SIGQUIT)
    postgres.process.wait(20)
    postgres.process = None


async def test_the_database_crashes_in_an_answer(talk: Talk, postgres: Postgres) -> None:
    async def dies(writer: asyncio.StreamWriter) -> None:
        await asyncio.to_thread(crash, postgres)
        writer.write(HEAD + piece({"content": "Ok."}) + DONE)

    try:
        assert await talk.fails(dies) == "database_unavailable"
        answer = await talk.app.client.post("/api/chat", json={"message": "x"})
        refused(answer, 503, "database_unavailable")
        assert answer.headers["Retry-After"]
        refused(await talk.app.client.get("/api/chat/messages"), 503, "database_unavailable")
        body = await talk.app.ready(503)
        assert "database" in body["down"] and "database" not in body["degraded"]
    finally:
        postgres.start()
    await talk.app.ready()
    assert text(await talk.ask("back?", says("Back."))) == "Back."
    # The question is stored, its answer is not.
    assert [each["text"] for each in await talk.messages()] == ["x", "back?", "Back."]


async def test_the_database_crashes_before_a_tool(talk: Talk, postgres: Postgres) -> None:
    async def dies(writer: asyncio.StreamWriter) -> None:
        await asyncio.to_thread(crash, postgres)
        writer.write(HEAD + calls(call("add_task", {"title": "x"})))

    try:
        found = await talk.ask("x", dies, says("It failed."))
    finally:
        postgres.start()
    # The tool reports it to the model; the answer fails because it cannot be stored.
    assert results(found) == [("add_task", False)]
    assert found[-1][1]["code"] == "database_unavailable"
    await talk.app.ready()
    assert await talk.app.titles() == []
    done = await talk.ask("again", calls(call("add_task", {"title": "x"})), says("Done."))
    assert results(done) == [("add_task", True)] and await talk.app.titles() == ["x"]


async def test_redis_is_killed_in_an_answer(talk: Talk, redis_server: RedisServer) -> None:
    async def dies(writer: asyncio.StreamWriter) -> None:
        assert redis_server.process is not None
        redis_server.process.kill()
        await asyncio.to_thread(redis_server.process.wait)
        writer.write(HEAD + calls(call("add_task", {"title": "x"}), call("list_tasks", index=1)))

    try:
        found = await talk.ask("x", dies, says("Done."))
        assert results(found) == [("add_task", True), ("list_tasks", True)]
        assert found[-1][0] == "done" and await talk.app.titles() == ["x"]
        body = await talk.app.ready()
        assert body["status"] == "degraded" and "redis" in body["degraded"]
    finally:
        redis_server.start()
    assert (await talk.app.ready())["checks"]["redis"] == "up"
