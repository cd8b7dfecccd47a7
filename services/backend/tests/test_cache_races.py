"""Lists in Redis with two concurrent writers, and while Redis is stopped, restarted or slow."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator

import pytest

from tests.conftest import Start
from tests.servers import Postgres, RedisServer
from tests.support import App
from tests.test_cache import settings as settings
from todo_api import cache


async def work(name: str, here: App, there: App, chance: random.Random) -> set[str]:
    """Writes with one worker and reads with the other: each change is visible at once."""
    mine: dict[str, int] = {}
    for number in range(25):
        title = f"{name}{number}"
        if mine and chance.random() < 0.4:
            gone = chance.choice(sorted(mine))
            answer = await here.client.delete(f"/api/tasks/{mine.pop(gone)}")
            assert answer.status_code == 204
        elif mine and chance.random() < 0.4:
            old = chance.choice(sorted(mine))
            place = f"/api/tasks/{mine[old]}"
            assert (await here.client.patch(place, json={"title": title})).status_code == 200
            mine[title] = mine.pop(old)
        else:
            mine[title] = (await here.add(title))["id"]
        for reader in (there, here):
            seen = {each for each in await reader.titles() if each.startswith(name)}
            assert seen == set(mine)
        await asyncio.sleep(chance.random() * 0.05)
    return set(mine)


@pytest.mark.parametrize("failing", [False, True])
async def test_two_workers_write_at_once(
    start: Start,
    settings: dict[str, str],
    redis_server: RedisServer,
    monkeypatch: pytest.MonkeyPatch,
    failing: bool,
) -> None:
    monkeypatch.setattr(cache, "RETRY_PAUSE_S", 0.05)
    async with start(**settings) as one, start(**settings) as other:

        async def redis_fails() -> None:
            for _ in range(4):
                await asyncio.to_thread(redis_server.stop)
                await asyncio.sleep(0.2)
                await asyncio.to_thread(redis_server.start)
                await asyncio.sleep(0.3)

        chaos = asyncio.create_task(redis_fails() if failing else asyncio.sleep(0))
        try:
            left = await asyncio.gather(
                *(work(name, one, other, random.Random(name)) for name in "ab"),
                *(work(name, other, one, random.Random(name)) for name in "cd"),
            )
        finally:
            await chaos
        await one.ready()
        expected = set[str]().union(*left)
        for app in (one, other, one):
            assert set(await app.titles()) == expected


class LateRedis:
    """A proxy that delays responses for longer than the timeout."""

    def __init__(self, port: int) -> None:
        self.port, self.chance = port, random.Random(9)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = await asyncio.open_connection("127.0.0.1", self.port)

        async def carry(
            source: asyncio.StreamReader, sink: asyncio.StreamWriter, late: bool
        ) -> None:
            with contextlib.suppress(OSError):
                while data := await source.read(65536):
                    if late and self.chance.random() < 0.3:
                        await asyncio.sleep(cache.TIMEOUT_S * 1.5)
                    sink.write(data)
                    await sink.drain()
            sink.close()

        await asyncio.gather(carry(reader, there[1], False), carry(there[0], writer, True))

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[str]:
        server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        try:
            yield f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0"
        finally:
            server.close()


async def test_a_late_answer_goes_to_nobody_else(
    start: Start,
    settings: dict[str, str],
    redis_server: RedisServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cache, "TIMEOUT_S", 0.1)
    monkeypatch.setattr(cache, "RETRY_PAUSE_S", 0.0)
    async with (
        LateRedis(redis_server.port).running() as url,
        start(**(settings | {"REDIS_URL": url})) as app,
    ):
        for user in ("alice", "bob"):
            await app.internal("POST", "", user, json={"title": f"of {user}"})

        async def look(user: str) -> None:
            for _ in range(25):
                found = (await app.internal("GET", "", user)).json()
                assert [task["title"] for task in found] == [f"of {user}"]

        await asyncio.gather(*(look(user) for user in ("alice", "bob") * 3))


async def test_nothing_is_kept_of_a_database_that_is_gone(
    start: Start, settings: dict[str, str], postgres: Postgres
) -> None:
    """The same Redis with another database, where the lists must not be used."""
    async with start(**settings) as app:
        await app.add("old")
        assert await app.titles() == ["old"]
    async with start(**(settings | {"DATABASE_URL": postgres.fresh()})) as app:
        assert await app.titles() == []
        await app.add("new")
        assert await app.titles() == ["new"]
