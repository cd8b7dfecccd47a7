"""Whether the database can be used."""

import asyncio
import time

from todo_api.database import Database
from todo_api.errors import ApiError, DatabaseAway
from todo_api.migrate import Migrations

# Shorter than the timeout of the probe in Kubernetes.
TIMEOUT_S = 2.0


class Readiness:
    """Asks the database once at a time, however many clients want to know: it is public."""

    def __init__(self, database: Database, migrations: Migrations) -> None:
        self.database = database
        self.migrations = migrations
        self._asked_at = 0.0
        self._asking: asyncio.Task[str | None] | None = None

    async def state(self) -> tuple[str, str, str]:
        """The states of the database and of the migrations, and why the database is down."""
        if self._asking is None or self._asking.done():
            self._asked_at = time.monotonic()
            self._asking = asyncio.create_task(self._revision())
            self._asking.add_done_callback(_retrieved)
        asking = self._asking
        left = self._asked_at + TIMEOUT_S - time.monotonic()
        # It is not cancelled: a driver needs long to close a connection that does not respond.
        await asyncio.wait({asking}, timeout=max(0.0, left))
        cause = ""
        if not asking.done():
            cause = f"{self.database.url.where}: no answer in time"
        elif isinstance(error := asking.exception(), DatabaseAway):
            cause = error.cause
        elif isinstance(error, ApiError):
            cause = error.message
        if cause:
            return "down", "unknown" if self.migrations.done else "waiting", cause
        if asking.result() is None and self.migrations.done:
            # The database was replaced by an empty one.
            self.migrations.again()
        return "up", "up" if self.migrations.done else "waiting", ""

    async def close(self) -> None:
        if self._asking is not None:
            self._asking.cancel()

    async def _revision(self) -> str | None:
        async with self.database.probing() as session:
            return await self.migrations.present(session)


def _retrieved(asked: asyncio.Task[str | None]) -> None:
    if not asked.cancelled():
        # asyncio warns about exceptions that are never retrieved.
        asked.exception()
