"""A pooler in transaction mode between the service and the database."""

import asyncio
from collections.abc import Iterator

import pytest

from tests.conftest import Start
from tests.servers import PgBouncer, Postgres


@pytest.fixture(scope="module")
def pooler(postgres: Postgres) -> Iterator[PgBouncer]:
    server = PgBouncer(postgres)
    try:
        server.start()
        yield server
    finally:
        server.remove()


async def test_two_replicas_migrate_and_answer_through_a_pooler(
    start: Start, postgres: Postgres, pooler: PgBouncer
) -> None:
    # As Neon shows it, with a mode that a server without TLS accepts.
    url = pooler.through(postgres.fresh()) + "?sslmode=prefer&channel_binding=prefer"
    async with start(DATABASE_URL=url) as one, start(DATABASE_URL=url) as two:
        titles = {f"task {number}" for number in range(40)}
        # More requests than connections: each transaction may get another one.
        await asyncio.gather(*((one, two)[len(title) % 2].add(title) for title in titles))
        lists = await asyncio.gather(*(app.titles() for app in (one, two) * 20))
        assert all(set(found) == titles for found in lists)
    async with start(DATABASE_URL=url) as again:
        assert set(await again.titles()) == titles
