"""What the environment says: an empty value is not set, all problems are told at once."""

from collections.abc import Mapping
from dataclasses import dataclass

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


class SettingsError(Exception):
    """The environment cannot be used."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


@dataclass(frozen=True)
class Settings:
    """The settings of one process."""

    environment: str = "production"
    log_level: str = "INFO"
    host: str = "0.0.0.0"
    port: int = 8002

    @classmethod
    def of(cls, env: Mapping[str, str]) -> "Settings":
        values = {key: value.strip() for key, value in env.items() if value.strip()}
        problems: list[str] = []
        level = values.get("LOG_LEVEL", cls.log_level).upper()
        level = "WARNING" if level == "WARN" else level
        if level not in LEVELS:
            problems.append(
                f"LOG_LEVEL is not one of {', '.join(LEVELS)}; help: set LOG_LEVEL=INFO"
            )
        port = values.get("PORT", str(cls.port))
        if not (port.isascii() and port.isdecimal() and int(port) <= 65535):
            problems.append("PORT is not a number up to 65535; help: set PORT=8002")
        if problems:
            raise SettingsError(problems)
        return cls(
            environment=values.get("ENVIRONMENT", cls.environment),
            log_level=level,
            host=values.get("HOST", cls.host),
            port=int(port),
        )
