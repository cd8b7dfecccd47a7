"""The request limits per user, with and without Redis."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.accounts import URL, Issuer
from tests.conftest import Start
from tests.fake_model import says
from tests.servers import RedisServer
from tests.support import refused
from tests.talk import Event, Talk, talking
from todo_api import limits
from todo_api.limits import LIMITS
from todo_testing.program import free_port

Replicas = tuple[Talk, Talk, Issuer, asyncio.Event]


class Clock:
    """The clock of the limits."""

    now = 1_000_000.0

    def time(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(limits, "time", found)
    monkeypatch.setitem(LIMITS, "api", 5)
    monkeypatch.setitem(LIMITS, "chat", 3)
    return found


@pytest.mark.parametrize("redis", ["", f"redis://127.0.0.1:{free_port()}/0"])
async def test_without_redis(start: Start, tmp_path: Path, clock: Clock, redis: str) -> None:
    issuer = Issuer()
    env = {"DATABASE_URL": f"sqlite:///{tmp_path}/x.db", "AUTH_JWKS_URL": URL, "REDIS_URL": redis}
    async with talking(start, **env) as talk:
        client = talk.app.client
        issuer.serve(talk.app)
        issuer.log_in(talk.app, "alice")
        for _ in range(5):
            assert await talk.app.titles() == []
        answer = await client.get("/api/tasks")
        refused(answer, 429, "rate_limited")
        assert 1 <= int(answer.headers["Retry-After"]) <= 60
        refused(await client.get("/api/chat/messages"), 429, "rate_limited")
        # The chat and each user are counted separately.
        for _ in range(3):
            await talk.ask("x")
        refused(await client.post("/api/chat", json={"message": "x"}), 429, "rate_limited")
        assert len(talk.model.seen) == 3
        issuer.log_in(talk.app, "bob")
        assert await talk.app.titles() == []
        issuer.log_in(talk.app, "alice")
        clock.now += int(answer.headers["Retry-After"])
        assert await talk.app.titles() == []


async def test_all_replicas_count_together(
    start: Start, tmp_path: Path, clock: Clock, redis_server: RedisServer
) -> None:
    clock.now += 1_000_000
    issuer = Issuer()
    env = {
        "DATABASE_URL": f"sqlite:///{tmp_path}/x.db",
        "AUTH_JWKS_URL": URL,
        "REDIS_URL": redis_server.url,
    }
    async with start(**env) as one, start(**env) as other:
        for app in (one, other):
            issuer.serve(app)
            issuer.log_in(app, "alice")
        for app in (one, other, one, other, one):
            assert await app.titles() == []
        refused(await other.client.get("/api/tasks"), 429, "rate_limited")
        redis = one.parts.cache.redis
        assert redis is not None
        (key,) = await redis.keys(f"todo:limit:1:api:alice:{int(clock.now // 60)}")
        assert 60 < await redis.ttl(key) <= 120
        # Without Redis, each replica continues with its own count.
        redis_server.stop()
        try:
            assert await other.titles() == []
            assert await one.titles() == [] and await one.titles() == []
            refused(await one.client.get("/api/tasks"), 429, "rate_limited")
        finally:
            redis_server.start()


async def test_without_accounts_only_the_chat_is_limited(
    start: Start, tmp_path: Path, clock: Clock
) -> None:
    async with talking(start, DATABASE_URL=f"sqlite:///{tmp_path}/x.db") as talk:
        for _ in range(10):
            assert await talk.app.titles() == []
        for _ in range(3):
            await talk.ask("x")
        refused(await talk.app.client.post("/api/chat", json={"message": "x"}), 429, "rate_limited")


async def test_the_questions_of_a_day(start: Start, tmp_path: Path, clock: Clock) -> None:
    url = f"sqlite:///{tmp_path}/x.db"
    async with talking(start, DATABASE_URL=url, CHAT_TURNS_PER_DAY="2") as talk:
        for _ in range(2):
            await talk.ask("x")
        answer = await talk.app.client.post("/api/chat", json={"message": "x"})
        message = refused(answer, 429, "day_limit")
        assert "2 questions today" in message and "hours" in message
        assert len(talk.model.seen) == 2
        clock.now += int(answer.headers["Retry-After"])
        await talk.ask("x")


@contextlib.asynccontextmanager
async def replicas(start: Start, tmp_path: Path, redis: str, **env: str) -> AsyncIterator[Replicas]:
    """Two replicas, whose model answers only when the event is set."""
    issuer, may_answer = Issuer(), asyncio.Event()
    base = {
        "DATABASE_URL": f"sqlite:///{tmp_path}/x.db",
        "AUTH_JWKS_URL": URL,
        "REDIS_URL": redis,
    }

    async def waits(writer: asyncio.StreamWriter) -> None:
        await may_answer.wait()
        writer.write(b"HTTP/1.1 200 X\r\nContent-Type: text/event-stream\r\n\r\n" + says("Ok."))
        await writer.drain()

    async with talking(start, **(base | env)) as one, talking(start, **(base | env)) as other:
        for talk in (one, other):
            issuer.serve(talk.app)
            issuer.log_in(talk.app, "alice")
            talk.model.steps = [waits]
        yield one, other, issuer, may_answer


async def asking(talk: Talk) -> asyncio.Task[list[Event]]:
    """Asks, and returns when the model has the question."""
    before = len(talk.model.seen)
    asked = asyncio.create_task(talk.ask("x"))
    while len(talk.model.seen) == before:
        assert not asked.done()
        await asyncio.sleep(0.01)
    return asked


async def test_one_question_of_a_user_at_a_time(
    start: Start, tmp_path: Path, redis_server: RedisServer
) -> None:
    async with replicas(start, tmp_path, redis_server.url) as (one, other, issuer, may_answer):
        asked = await asking(one)
        # On either replica, but not for other users.
        for talk in (one, other):
            answer = await talk.app.client.post("/api/chat", json={"message": "y"})
            refused(answer, 429, "turn_running")
        issuer.log_in(other.app, "bob")
        of_bob = await asking(other)
        may_answer.set()
        assert (await asked)[-1][0] == (await of_bob)[-1][0] == "done"
        issuer.log_in(other.app, "alice")
        assert (await other.ask("y"))[-1][0] == "done"
        # What was refused is not part of the conversation.
        assert [each["role"] for each in await one.messages()] == ["user", "assistant"] * 2


async def test_a_question_that_fails_does_not_block_the_next(
    start: Start, tmp_path: Path, redis_server: RedisServer
) -> None:
    async with replicas(start, tmp_path, redis_server.url) as (one, other, _, _may):
        one.model.steps = [(500, "application/json", b"{}")]
        assert (await one.ask("x"))[-1][0] == "error"
        other.model.steps = [says("Ok.")]
        assert (await other.ask("x"))[-1][0] == "done"


async def test_the_questions_that_a_replica_answers_at_once(start: Start, tmp_path: Path) -> None:
    limited = replicas(start, tmp_path, "", CHAT_TURNS_AT_ONCE="1")
    async with limited as (one, _, issuer, may_answer):
        asked = await asking(one)
        issuer.log_in(one.app, "bob")
        answer = await one.app.client.post("/api/chat", json={"message": "y"})
        refused(answer, 429, "busy")
        assert answer.headers["Retry-After"] == "5"
        may_answer.set()
        await asked
        assert (await one.ask("y"))[-1][0] == "done"


async def test_the_tasks_of_a_user(start: Start, database_url: str) -> None:
    async with start(DATABASE_URL=database_url, TASKS_PER_USER="3") as app:
        both = [app.client.post("/api/tasks", json={"title": f"task {n}"}) for n in range(6)]
        answers = await asyncio.gather(*both)
        assert sorted(answer.status_code for answer in answers) == [201] * 3 + [409] * 3
        refused_one = next(answer for answer in answers if answer.status_code == 409)
        assert "3 tasks" in refused(refused_one, 409, "task_limit")
        # A refused one left nothing, and others have their own limit.
        tasks = (await app.client.get("/api/tasks")).json()
        assert len(tasks) == 3
        await app.client.delete(f"/api/tasks/{tasks[0]['id']}")
        await app.add("another")
        app.become("bob")
        await app.add("of bob")


async def test_the_messages_that_are_kept(start: Start, database_url: str) -> None:
    async with talking(start, DATABASE_URL=database_url, CHAT_HISTORY="4") as talk:
        talk.app.become("bob")
        await talk.ask("of bob")
        talk.app.become("alice")
        for number in range(4):
            await talk.ask(f"question {number}")
        texts = [each["text"] for each in await talk.messages() if each["role"] == "user"]
        assert texts == ["question 2", "question 3"]
        talk.app.become("bob")
        assert len(await talk.messages()) == 2
