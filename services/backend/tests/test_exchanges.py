"""The number of requests to the database and to Redis per call."""

import asyncio
import re
from typing import Any

import pytest

from tests.accounts import URL, Issuer
from tests.conftest import Start
from tests.servers import Postgres, RedisServer
from tests.support import App
from todo_api.database import Database
from todo_api.database_url import DatabaseUrl

# Statements in the log of PostgreSQL, except the empty one that tests a connection.
STATEMENT = re.compile(r"LOG:  (?:execute [^:]+|statement): (\w+)")
READ, CHANGE = ["SELECT"], ["BEGIN", "SELECT", "UPDATE", "INSERT", "COMMIT"]


class Counted:
    """The statements and commands of one request."""

    def __init__(self, app: App, postgres: Postgres) -> None:
        self.app = app
        self.log = postgres.log
        assert app.parts.cache.redis is not None
        self.redis = app.parts.cache.redis

    async def __call__(self, method: str, path: str, **options: Any) -> tuple[list[str], list[str]]:
        await self.redis.config_resetstat()
        before = self.log.stat().st_size
        answer = await self.app.client.request(method, f"/api/tasks{path}", **options)
        assert answer.is_success
        asked = STATEMENT.findall(self.log.read_bytes()[before:].decode())
        stats = await self.redis.info("commandstats")
        ours = {name.removeprefix("cmdstat_"): int(found["calls"]) for name, found in stats.items()}
        return asked, sorted(set(ours) - {"info", "config|resetstat", "config", "client|setinfo"})


@pytest.mark.parametrize("accounts", [False, True])
async def test_no_exchange_is_needless(
    start: Start, postgres: Postgres, redis_server: RedisServer, accounts: bool
) -> None:
    url = postgres.fresh()
    postgres.sql(f"ALTER DATABASE {url.rsplit('/', 1)[1]} SET log_statement = 'all'")
    env = {"DATABASE_URL": url, "REDIS_URL": redis_server.url}
    # One request to Redis, and none to the account service, whose keys are cached.
    counting: list[str] = []
    if accounts:
        env["AUTH_JWKS_URL"] = URL
        counting = ["exec", "expire", "incrby", "multi"]
    async with start(**env) as app:
        if accounts:
            issuer = Issuer()
            issuer.serve(app)
            issuer.log_in(app, "alice")
        number = (await app.add("first"))["id"]
        counted = Counted(app, postgres)
        # The tasks are counted under the lock of the second INSERT.
        add = ["BEGIN", "INSERT", "INSERT", "SELECT", "COMMIT"]
        assert await counted("POST", "", json={"title": "x"}) == (add, counting)
        missed = await counted("GET", "")
        assert missed == (READ + READ, sorted([*counting, "get", "set"]))
        assert await counted("GET", "") == (READ, sorted([*counting, "get"]))
        assert await counted("GET", f"/{number}") == (READ, counting)
        assert await counted("POST", f"/{number}/complete") == (CHANGE, counting)
        # Already done: nothing is written.
        again = await counted("POST", f"/{number}/complete")
        assert again == (["BEGIN", "SELECT", "COMMIT"], counting)
        gone = ["BEGIN", "DELETE", "INSERT", "COMMIT"]
        assert await counted("DELETE", f"/{number}") == (gone, counting)


async def test_connections_have_a_limit(start: Start, postgres: Postgres) -> None:
    url = postgres.fresh()
    name = url.rsplit("/", 1)[1]
    async with start(DATABASE_URL=url) as app:
        asking = [asyncio.create_task(app.client.get("/api/tasks")) for _ in range(200)]
        answers = await asyncio.gather(*asking)
        assert {answer.status_code for answer in answers} == {200}
        found = postgres.sql(f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{name}'")
        # Two replicas, one frontend with 5, and a migration of each fit into 60.
        assert 0 < int(found) <= 10
    engine = Database(DatabaseUrl.parse(url)).engine
    assert engine.pool.size() + engine.pool._max_overflow == 10  # type: ignore[attr-defined]
