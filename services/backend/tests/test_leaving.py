"""Clients that disconnect during an answer: its work ends, and nothing is left."""

import asyncio
import json
import random
import socket
import struct
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from tests.conftest import Start
from tests.fake_model import Step, call, calls, piece, says
from tests.live import listening
from tests.servers import Postgres
from tests.talk import Talk, events, talking, text
from todo_api import server
from todo_api.limits import LIMITS

HEAD = b"HTTP/1.1 200 X\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"


@pytest.fixture
async def talk(
    start: Start, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Talk]:
    monkeypatch.setitem(LIMITS, "chat", 1000)
    # Without TLS: a cancelled TLS attempt of asyncpg logs a harmless error in the event loop.
    async with talking(start, DATABASE_URL=postgres.fresh() + "?sslmode=disable") as found:
        yield found


class Slow:
    """A model that streams for a long time, and notices when the client disconnects."""

    def __init__(self, pause: float) -> None:
        self.pause = pause
        self.speaking = 0

    async def __call__(self, writer: asyncio.StreamWriter) -> None:
        self.speaking += 1
        try:
            writer.write(HEAD)
            for _ in range(int(30 / self.pause)):
                writer.write(piece({"content": "word "}))
                await writer.drain()
                await asyncio.sleep(self.pause)
        finally:
            self.speaking -= 1


async def leave(port: int, message: str, seconds: float, hard: bool) -> None:
    """Asks, reads for a while, and disconnects; `hard` resets the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    body = json.dumps({"message": message}).encode()
    head = f"POST /api/chat HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
    writer.write(head.encode() + b"Content-Type: application/json\r\n\r\n" + body)
    try:
        async with asyncio.timeout(seconds):
            while await reader.read(100):
                pass
    except TimeoutError:
        pass
    if hard:
        linger = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.close()


async def until(holds: Any, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


async def nothing_is_left(talk: Talk, model: Slow) -> None:
    parts = talk.app.parts
    assert parts.turns is not None
    running, pool = parts.turns._running, parts.database.engine.pool
    await until(lambda: not running and model.speaking == 0)
    await until(lambda: pool.checkedout() == 0)  # type: ignore[attr-defined]
    assert len(asyncio.all_tasks()) < 20


async def test_the_work_ends_with_its_listener(talk: Talk) -> None:
    model = Slow(0.05)
    talk.model.steps = [model]
    async with listening(talk.app) as port:
        for hard in (False, True):
            leaving = asyncio.create_task(leave(port, "x", 0.5, hard))
            await until(lambda: model.speaking == 1)
            await leaving
            await nothing_is_left(talk, model)
            asked, said = (await talk.messages())[-2:]
            assert (asked["role"], said["role"]) == ("user", "assistant")
            assert said["text"].startswith("word word")


async def test_leaving_at_any_moment(talk: Talk) -> None:
    chance, model = random.Random(7), Slow(0.01)
    add = calls(call("add_task", {"title": "x"}))
    async with listening(talk.app) as port:
        for number in range(40):
            first: Step = chance.choice((add, says("Ok."), model))
            talk.model.steps = [first, model]
            await leave(port, f"q{number}", chance.random() * 0.15, chance.random() < 0.5)
        await nothing_is_left(talk, model)
    found = await talk.messages(200)
    asked = [each["text"] for each in found if each["role"] == "user"]
    assert len(asked) == len(set(asked)) > 10
    by_question = "".join(each["role"][0] for each in found)
    assert "aaa" not in by_question
    assert by_question.count("a") <= len(asked)
    # Every task was reported, and every call reported as done created a task.
    made = [made["ok"] for each in found for made in each["tool_calls"]]
    assert made.count(True) <= len(await talk.app.titles()) <= len(made)
    assert text(await talk.ask("again", says("Fine."))) == "Fine."


async def test_many_who_leave_at_once(talk: Talk) -> None:
    chance, model = random.Random(8), Slow(0.02)
    talk.model.steps = [model]
    async with listening(talk.app) as port:
        leaving = [leave(port, "x", chance.random(), True) for _ in range(60)]
        await asyncio.gather(*leaving)
        await nothing_is_left(talk, model)
        assert await talk.app.titles() == []


async def test_who_is_still_listening_at_the_end_is_told(
    talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "ANSWERS_GRACE_S", 0.2)
    talk.model.steps = [Slow(0.05)]
    async with httpx2.AsyncClient() as client, listening(talk.app) as port:
        url = f"http://127.0.0.1:{port}/api/chat"
        asking = asyncio.create_task(client.post(url, json={"message": "x"}))
        await until(lambda: talk.model.seen)
        # The signal to stop arrives here.
    name, data = events(await asking)[-1]
    assert (name, data["code"]) == ("error", "stopped")
    assert [each["role"] for each in await talk.messages()] == ["user", "assistant"]
