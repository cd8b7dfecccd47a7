"""The settings from the environment. All problems are reported at once."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from todo_common.settings import ProcessSettings, SettingsError, is_http, nonempty


@dataclass(frozen=True, kw_only=True)
class Settings(ProcessSettings):
    """The settings of one process."""

    internal_token: str = field(repr=False)
    backend_url: str = "http://backend:8000"
    port: int = 8001

    @classmethod
    def of(cls, env: Mapping[str, str]) -> "Settings":
        values, problems = nonempty(env), list[str]()
        token = values.get("INTERNAL_API_TOKEN", "")
        if not (token.isascii() and token.isprintable() and token):
            problems.append(
                "INTERNAL_API_TOKEN is not set, or is not plain text; "
                "help: give this service the same INTERNAL_API_TOKEN as the backend"
            )
        backend = values.get("BACKEND_URL", cls.backend_url).rstrip("/")
        if not is_http(backend):
            problems.append(
                "BACKEND_URL is not an HTTP URL; help: set BACKEND_URL=http://backend:8000"
            )
        process = cls.process(values, problems)
        if problems:
            raise SettingsError(problems)
        return cls(internal_token=token, backend_url=backend, **process)

    def secrets(self) -> list[str]:
        return [self.internal_token]
