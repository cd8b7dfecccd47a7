"""The settings that all services have. An empty variable counts as unset."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlsplit

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


class SettingsError(Exception):
    """The environment contains invalid values; all of them are listed."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


@dataclass(frozen=True, kw_only=True)
class ProcessSettings:
    """The settings of a process, which each service extends with its own."""

    environment: str = "production"
    log_level: str = "INFO"
    host: str = "0.0.0.0"
    port: int = 8000

    @classmethod
    def of(cls, env: Mapping[str, str]) -> Self:
        """The settings in the environment. Raises SettingsError."""
        problems: list[str] = []
        values = cls.process(nonempty(env), problems)
        if problems:
            raise SettingsError(problems)
        return cls(**values)

    @classmethod
    def process(cls, values: Mapping[str, str], problems: list[str]) -> dict[str, Any]:
        """The values of the fields above; appends what is invalid to `problems`."""
        level = values.get("LOG_LEVEL", cls.log_level).upper()
        level = "WARNING" if level == "WARN" else level
        if level not in LEVELS:
            problems.append(
                f"LOG_LEVEL is not one of {', '.join(LEVELS)}; help: set LOG_LEVEL=INFO"
            )
        port = values.get("PORT", str(cls.port))
        if not (port.isascii() and port.isdecimal() and int(port) <= 65535):
            problems.append(f"PORT is not a number up to 65535; help: set PORT={cls.port}")
            port = "0"
        return {
            "environment": values.get("ENVIRONMENT", cls.environment),
            "log_level": level,
            "host": values.get("HOST", cls.host),
            "port": int(port),
        }

    def secrets(self) -> list[str]:
        """The values that must not appear in a log line."""
        return []


def nonempty(env: Mapping[str, str]) -> dict[str, str]:
    """The variables that have a value."""
    return {key: value.strip() for key, value in env.items() if value.strip()}


def number(
    values: Mapping[str, str], name: str, default: int, most: int, problems: list[str]
) -> int:
    """A number from 1 to `most`; appends what is invalid to `problems`."""
    written = values.get(name, str(default))
    if written.isascii() and written.isdecimal() and 0 < int(written) <= most:
        return int(written)
    problems.append(f"{name} is not a number from 1 to {most}; help: set {name}={default}")
    return default


def is_http(url: str) -> bool:
    """Whether this is an HTTP URL without credentials."""
    try:
        parts = urlsplit(url)
        return (
            parts.scheme in ("http", "https")
            and bool(parts.hostname)
            and parts.port != 0
            and "@" not in parts.netloc
        )
    except ValueError:
        return False
