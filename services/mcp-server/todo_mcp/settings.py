"""What the environment says: an empty value is not set, all problems are told at once."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


class SettingsError(Exception):
    """The environment cannot be used."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


@dataclass(frozen=True)
class Settings:
    """The settings of one process."""

    internal_token: str = field(repr=False)
    backend_url: str = "http://backend:8000"
    environment: str = "production"
    log_level: str = "INFO"
    host: str = "0.0.0.0"
    port: int = 8001

    @classmethod
    def of(cls, env: Mapping[str, str]) -> "Settings":
        values = {key: value.strip() for key, value in env.items() if value.strip()}
        problems: list[str] = []
        token = values.get("INTERNAL_API_TOKEN", "")
        if not (token.isascii() and token.isprintable() and token):
            problems.append(
                "INTERNAL_API_TOKEN is not set, or not plain text; "
                "help: give this service the same INTERNAL_API_TOKEN as the backend"
            )
        backend = values.get("BACKEND_URL", cls.backend_url).rstrip("/")
        if not _is_http(backend):
            problems.append(
                "BACKEND_URL is no http address; help: set BACKEND_URL=http://backend:8000"
            )
        level = values.get("LOG_LEVEL", cls.log_level).upper()
        level = "WARNING" if level == "WARN" else level
        if level not in LEVELS:
            problems.append(
                f"LOG_LEVEL is not one of {', '.join(LEVELS)}; help: set LOG_LEVEL=INFO"
            )
        port = values.get("PORT", str(cls.port))
        if not (port.isascii() and port.isdecimal() and int(port) <= 65535):
            problems.append("PORT is not a number up to 65535; help: set PORT=8001")
        if problems:
            raise SettingsError(problems)
        return cls(
            internal_token=token,
            backend_url=backend,
            environment=values.get("ENVIRONMENT", cls.environment),
            log_level=level,
            host=values.get("HOST", cls.host),
            port=int(port),
        )

    def secrets(self) -> list[str]:
        """Every text that no log line may show."""
        return [self.internal_token]


def _is_http(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
