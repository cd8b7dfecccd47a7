"""What the environment says: an empty value is not set, all problems are told at once."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from redis.asyncio import ConnectionPool

from todo_api.database_url import DatabaseUrl, DatabaseUrlError

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


class SettingsError(Exception):
    """The environment cannot be used."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


@dataclass(frozen=True)
class Settings:
    """The settings of one process."""

    database: DatabaseUrl
    redis_url: str = field(default="", repr=False)
    internal_token: str = field(default="", repr=False)
    cors_origins: tuple[str, ...] = ()
    environment: str = "production"
    log_level: str = "INFO"
    host: str = "0.0.0.0"
    port: int = 8000

    @classmethod
    def of(cls, env: Mapping[str, str]) -> "Settings":
        values = {key: value.strip() for key, value in env.items() if value.strip()}
        problems: list[str] = []
        database: DatabaseUrl | None = None
        try:
            database = DatabaseUrl.parse(values.get("DATABASE_URL", ""))
        except DatabaseUrlError as error:
            problems.append(str(error))
        redis_url = values.get("REDIS_URL", "")
        if redis_url and not _is_redis(redis_url):
            problems.append(
                "REDIS_URL is not an address of a Redis; "
                "help: set REDIS_URL=redis://HOST:6379/0, or leave it empty to work without"
            )
        level = values.get("LOG_LEVEL", cls.log_level).upper()
        level = "WARNING" if level == "WARN" else level
        if level not in LEVELS:
            problems.append(
                f"LOG_LEVEL is not one of {', '.join(LEVELS)}; help: set LOG_LEVEL=INFO"
            )
        port = values.get("PORT", str(cls.port))
        if not (port.isascii() and port.isdecimal() and int(port) <= 65535):
            problems.append("PORT is not a number up to 65535; help: set PORT=8000")
            port = "0"
        if problems or database is None:
            raise SettingsError(problems)
        origins = values.get("CORS_ORIGINS", "").split(",")
        return cls(
            database=database,
            redis_url=redis_url,
            internal_token=values.get("INTERNAL_API_TOKEN", ""),
            cors_origins=tuple(origin.strip().rstrip("/") for origin in origins if origin.strip()),
            environment=values.get("ENVIRONMENT", cls.environment),
            log_level=level,
            host=values.get("HOST", cls.host),
            port=int(port),
        )

    def secrets(self) -> list[str]:
        """Every text that no log line may show."""
        found = [self.internal_token, *self.database.secrets()]
        if "@" in self.redis_url:
            found.append(self.redis_url.partition("://")[2].partition("@")[0])
        return [text for text in found if text]


def _is_redis(url: str) -> bool:
    try:
        ConnectionPool.from_url(url)
    except ValueError:
        return False
    return True
