"""What one process is made of, reachable from its requests."""

from dataclasses import dataclass

from starlette.requests import HTTPConnection

from todo_api.cache import Cache
from todo_api.database import Database
from todo_api.errors import ApiError
from todo_api.migrate import Migrations
from todo_api.settings import Settings
from todo_api.tasks import Tasks


@dataclass(frozen=True)
class Runtime:
    settings: Settings
    database: Database
    cache: Cache
    migrations: Migrations
    tasks: Tasks

    @classmethod
    def of(cls, settings: Settings) -> "Runtime":
        database = Database(settings.database)
        cache = Cache(settings.redis_url)
        return cls(settings, database, cache, Migrations(database), Tasks(database, cache))

    async def close(self) -> None:
        await self.cache.close()
        await self.database.close()


def runtime(connection: HTTPConnection) -> Runtime:
    found = connection.app.state.runtime
    assert isinstance(found, Runtime)
    return found


def ready_tasks(connection: HTTPConnection) -> Tasks:
    """The tasks, once the tables are there."""
    parts = runtime(connection)
    if not parts.migrations.done:
        raise ApiError(503, "The database is not ready yet; try again.", "not_ready")
    return parts.tasks
