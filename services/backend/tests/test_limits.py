"""The request limits per user, with and without Redis."""

from pathlib import Path

import pytest

from tests.accounts import URL, Issuer
from tests.conftest import Start
from tests.servers import RedisServer
from tests.support import refused
from tests.talk import talking
from todo_api import limits
from todo_api.limits import LIMITS
from todo_testing.program import free_port


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
