"""The parts of one process, which its requests use."""

from dataclasses import dataclass

from starlette.requests import HTTPConnection

from todo_api.cache import Cache
from todo_api.chat.agent import Agent
from todo_api.chat.history import History
from todo_api.chat.model import Model
from todo_api.chat.running import Running
from todo_api.chat.tools import Tools
from todo_api.chat.turns import Turns
from todo_api.database import Database
from todo_api.errors import ApiError
from todo_api.jwks import Keys
from todo_api.limits import Limits
from todo_api.migrate import Migrations
from todo_api.neighbours import Neighbours
from todo_api.readiness import Readiness
from todo_api.settings import Settings
from todo_api.tasks import Tasks


@dataclass(frozen=True)
class Runtime:
    settings: Settings
    database: Database
    cache: Cache
    migrations: Migrations
    readiness: Readiness
    tasks: Tasks
    history: History
    limits: Limits
    model: Model
    neighbours: Neighbours
    # None without accounts.
    keys: Keys | None
    # None without tools.
    tools: Tools | None
    turns: Turns | None

    @classmethod
    def of(cls, settings: Settings) -> "Runtime":
        database = Database(settings.database)
        cache = Cache(settings.redis_url)
        migrations = Migrations(database)
        history = History(database, settings.messages_kept)
        model = Model(settings.provider)
        keys = tools = turns = None
        if settings.jwks_url:
            keys = Keys(settings.jwks_url, settings.issuer, settings.audience)
        if settings.mcp_url:
            tools = Tools(settings.mcp_url, settings.internal_token)
            running = Running(cache, settings.chats_at_once)
            turns = Turns(Agent(model, tools), history, settings.provider.mock, running)
        return cls(
            settings=settings,
            database=database,
            cache=cache,
            migrations=migrations,
            readiness=Readiness(database, migrations),
            tasks=Tasks(database, cache, settings.tasks_per_user),
            history=history,
            limits=Limits(cache, settings.chats_per_day),
            model=model,
            neighbours=Neighbours(settings.mcp_url, model),
            keys=keys,
            tools=tools,
            turns=turns,
        )

    async def close(self) -> None:
        # The running answers first: they need the other parts to be stored.
        connected = (self.neighbours, self.keys, self.tools, self.model, self.readiness)
        for part in (self.turns, *connected):
            if part is not None:
                await part.close()
        await self.cache.close()
        await self.database.close()


def runtime(connection: HTTPConnection) -> Runtime:
    found = connection.app.state.runtime
    assert isinstance(found, Runtime)
    return found


def ready(connection: HTTPConnection) -> Runtime:
    """The same; raises `ApiError` until the database is migrated."""
    parts = runtime(connection)
    if not parts.migrations.done:
        raise ApiError(503, "The database is not ready yet; try again.", "not_ready")
    return parts
