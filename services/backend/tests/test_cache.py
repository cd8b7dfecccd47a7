"""Lists in Redis: never stale, and optional."""

import socket
import time

import pytest

from tests.conftest import Start
from tests.servers import Postgres, RedisServer
from tests.support import App
from todo_api.cache import Cache
from todo_testing.program import free_port


async def poison(app: App) -> int:
    """Replaces every cached list by an empty one; returns their number."""
    redis = app.parts.cache.redis
    assert redis is not None
    keys = [key async for key in redis.scan_iter("todo:tasks:*")]
    for key in keys:
        await redis.set(key, b"[]", keepttl=True)
    return len(keys)


@pytest.fixture
async def settings(postgres: Postgres, redis_server: RedisServer) -> dict[str, str]:
    cache = Cache(redis_server.url)
    assert cache.redis is not None
    await cache.redis.flushall()
    await cache.close()
    return {"DATABASE_URL": postgres.fresh(), "REDIS_URL": redis_server.url}


async def test_a_list_is_kept(start: Start, settings: dict[str, str]) -> None:
    async with start(**settings) as app:
        await app.add("x")
        assert await app.titles() == ["x"]
        assert await poison(app) == 1
        # This result can only come from Redis.
        assert await app.titles() == []
        redis = app.parts.cache.redis
        assert redis is not None
        assert 0 < await redis.ttl((await redis.keys("todo:tasks:*"))[0]) <= 60


async def test_every_change_is_seen_at_once_by_all_replicas(
    start: Start, settings: dict[str, str]
) -> None:
    async with start(**settings) as one, start(**settings) as other:

        async def seen(status: str = "all") -> list[str]:
            first, second = await one.titles(status), await other.titles(status)
            assert first == second == await one.titles(status)
            return first

        assert await seen() == []
        task = await one.add("a")
        where = f"/api/tasks/{task['id']}"
        assert await seen() == ["a"]
        await other.client.patch(where, json={"title": "b"})
        assert await seen() == ["b"]
        assert await seen("open") == ["b"]
        await one.client.post(f"{where}/complete")
        assert (await seen("open"), await seen("done")) == ([], ["b"])
        await other.internal("POST", "", json={"title": "c"})
        assert await seen() == ["b", "c"]
        await one.client.delete(where)
        assert await seen() == ["c"]


async def test_users_have_lists_of_their_own(start: Start, settings: dict[str, str]) -> None:
    async with start(**settings) as app:
        for user in ("alice", "bob"):
            app.become(user)
            await app.add(f"of {user}")
            assert await app.titles() == [f"of {user}"]
        app.become("alice")
        assert await app.titles() == ["of alice"]


async def test_rubbish_in_redis_is_not_believed(start: Start, settings: dict[str, str]) -> None:
    async with start(**settings) as app:
        await app.add("x")
        redis = app.parts.cache.redis
        assert redis is not None
        for rubbish in (b"", b"{", b'[{"id": 1}]', b"\xff"):
            assert await app.titles() == ["x"]
            for key in await redis.keys("todo:tasks:*"):
                await redis.set(key, rubbish)
            assert await app.titles() == ["x"]


async def test_redis_goes_away_and_comes_back(
    start: Start, settings: dict[str, str], redis_server: RedisServer
) -> None:
    async with start(**settings) as app:
        task = await app.add("before")
        assert await app.titles() == ["before"]
        assert (await app.ready())["status"] == "ok"
        redis_server.stop()
        try:
            body = await app.ready()
            assert (body["status"], body["down"]) == ("degraded", ["redis"]) and body["degraded"]
            assert [name for name, state in body["checks"].items() if state == "down"] == ["redis"]
            started = time.monotonic()
            for _ in range(20):
                assert await app.titles() == ["before"]
            assert time.monotonic() - started < 8
            # Redis keeps this list over the restart; it must not be used.
            await app.client.patch(f"/api/tasks/{task['id']}", json={"title": "after"})
        finally:
            redis_server.start()
        assert (await app.ready())["status"] == "ok"
        assert await app.titles() == ["after"]
        await poison(app)
        assert await app.titles() == []


async def test_a_redis_that_never_was(start: Start, settings: dict[str, str]) -> None:
    absent = {"REDIS_URL": f"redis://127.0.0.1:{free_port()}/0"}
    async with start(**(settings | absent)) as app:
        await app.add("x")
        assert await app.titles() == ["x"]
        assert (await app.ready())["down"] == ["redis"]


async def test_a_redis_that_accepts_and_says_nothing(
    start: Start, settings: dict[str, str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        async with start(**(settings | {"REDIS_URL": url})) as app:
            await app.add("x")
            started = time.monotonic()
            for _ in range(10):
                assert await app.titles() == ["x"]
            assert time.monotonic() - started < 8
