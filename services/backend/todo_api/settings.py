"""The settings from the environment. All problems are reported at once."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from redis.asyncio import ConnectionPool

from todo_api.database_url import DatabaseUrl, DatabaseUrlError
from todo_api.provider import KEYS, Provider
from todo_common.settings import ProcessSettings, SettingsError, is_http, nonempty, number

# The largest limit, which is none in practice, and the field of each limit.
MAX_LIMIT = 1_000_000
LIMITS = {
    "CHAT_TURNS_PER_DAY": "chats_per_day",
    "CHAT_TURNS_AT_ONCE": "chats_at_once",
    "CHAT_HISTORY": "messages_kept",
    "TASKS_PER_USER": "tasks_per_user",
}
# Variables that contain a URL, with an example.
ADDRESSES = {
    "AUTH_JWKS_URL": "http://frontend:3000/auth/jwks",
    "MCP_SERVER_URL": "http://mcp-server:8001/mcp",
}


@dataclass(frozen=True, kw_only=True)
class Settings(ProcessSettings):
    """The settings of one process."""

    database: DatabaseUrl
    redis_url: str = field(default="", repr=False)
    internal_token: str = field(default="", repr=False)
    # Where the keys of users' tokens are published. If empty, there is one local user.
    jwks_url: str = ""
    issuer: str = "todo-chatbot"
    audience: str = "todo-api"
    # The MCP server. If empty, there is no chat.
    mcp_url: str = ""
    provider: Provider = field(default_factory=Provider)
    # The questions of one user in a day, and those that one replica answers at once.
    chats_per_day: int = 300
    chats_at_once: int = 20
    # The messages that are kept for a user, and the tasks that a user may have.
    messages_kept: int = 500
    tasks_per_user: int = 1000
    # The keys of all providers, used or not, none of which may appear in the log.
    api_keys: tuple[str, ...] = field(default=(), repr=False)
    cors_origins: tuple[str, ...] = ()

    @classmethod
    def of(cls, env: Mapping[str, str]) -> "Settings":
        values = nonempty(env)
        problems: list[str] = []
        database: DatabaseUrl | None = None
        try:
            database = DatabaseUrl.parse(values.get("DATABASE_URL", ""))
        except DatabaseUrlError as error:
            problems.append(str(error))
        redis_url = values.get("REDIS_URL", "")
        if redis_url and not _is_redis(redis_url):
            problems.append(
                "REDIS_URL is not a Redis URL; "
                "help: set REDIS_URL=redis://HOST:6379/0, or leave it empty to work without Redis"
            )
        token = values.get("INTERNAL_API_TOKEN", "")
        for name, usual in ADDRESSES.items():
            if values.get(name) and not is_http(values[name]):
                problems.append(f"{name} is not an HTTP URL; help: set {name}={usual}")
        if values.get("MCP_SERVER_URL") and not token:
            problems.append(
                "INTERNAL_API_TOKEN is not set, but MCP_SERVER_URL is; "
                "help: give this service the same INTERNAL_API_TOKEN as the MCP server"
            )
        provider = Provider.of(values, problems)
        limits: dict[str, Any] = {
            each: number(values, name, getattr(cls, each), MAX_LIMIT, problems)
            for name, each in LIMITS.items()
        }
        process = cls.process(values, problems)
        if problems or database is None:
            raise SettingsError(problems)
        origins = values.get("CORS_ORIGINS", "").split(",")
        return cls(
            database=database,
            redis_url=redis_url,
            internal_token=token,
            jwks_url=values.get("AUTH_JWKS_URL", ""),
            issuer=values.get("AUTH_ISSUER", cls.issuer),
            audience=values.get("AUTH_AUDIENCE", cls.audience),
            mcp_url=values.get("MCP_SERVER_URL", ""),
            provider=provider,
            api_keys=tuple(values[name] for name in KEYS if name in values),
            cors_origins=tuple(origin.strip().rstrip("/") for origin in origins if origin.strip()),
            **limits,
            **process,
        )

    def secrets(self) -> list[str]:
        """The values that must not appear in a log line."""
        found = [self.internal_token, *self.api_keys, *self.database.secrets()]
        if "@" in self.redis_url:
            found.append(self.redis_url.partition("://")[2].partition("@")[0].rpartition(":")[2])
        return [text for text in found if text]


def _is_redis(url: str) -> bool:
    try:
        ConnectionPool.from_url(url)
    except ValueError:
        return False
    return True
