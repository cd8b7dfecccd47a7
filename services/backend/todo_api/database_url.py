"""Converts a DATABASE_URL in any common form for the asynchronous drivers."""

import ssl
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

HELP = "help: set DATABASE_URL=postgresql://USER:PASSWORD@HOST:5432/NAME or sqlite:////path/file.db"
POSTGRES = {"postgres", "postgresql", "postgresql+asyncpg", "postgresql+psycopg"}
SQLITE = {"sqlite", "sqlite+aiosqlite"}


class DatabaseUrlError(ValueError):
    """DATABASE_URL is invalid. The message does not contain the value, which has a password."""


@dataclass(frozen=True)
class DatabaseUrl:
    """Where the database is."""

    url: URL
    connect_args: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> "DatabaseUrl":
        if not text:
            raise DatabaseUrlError(f"DATABASE_URL is not set; {HELP}")
        # SQLAlchemy does not support this older scheme, which some providers still use.
        if text.startswith("postgres://"):
            text = "postgresql://" + text.removeprefix("postgres://")
        try:
            url = make_url(text)
        except (ArgumentError, ValueError):
            raise DatabaseUrlError(f"DATABASE_URL is no URL; {HELP}") from None
        if url.drivername in SQLITE:
            if url.database in (None, "", ":memory:"):
                raise DatabaseUrlError(f"DATABASE_URL names a SQLite without a file; {HELP}")
            return cls(url.set(drivername="sqlite+aiosqlite"))
        if url.drivername not in POSTGRES:
            raise DatabaseUrlError(f"DATABASE_URL names an unknown kind of database; {HELP}")
        if not url.host or not url.database:
            raise DatabaseUrlError(f"DATABASE_URL lacks the host or the database's name; {HELP}")
        if url.query.get("host") or "," in url.host:
            raise DatabaseUrlError(f"DATABASE_URL names more than one host; {HELP}")
        arguments = _connect_args({key: _last(value) for key, value in url.query.items()})
        return cls(url.set(drivername="postgresql+asyncpg", query={}), arguments)

    @property
    def is_sqlite(self) -> bool:
        return self.url.drivername.startswith("sqlite")

    @property
    def where(self) -> str:
        """The host and port, or the file: for messages, without user and password."""
        if self.is_sqlite:
            return str(self.url.database)
        return f"{self.url.host}:{self.url.port or 5432}"

    def secrets(self) -> list[str]:
        """The password, decoded and as it appears in the URL."""
        if not self.url.password:
            return []
        shown = self.url.render_as_string(hide_password=False)
        return [self.url.password, shown.partition("://")[2].partition("@")[0]]

    def __repr__(self) -> str:
        return f"DatabaseUrl({self.url.render_as_string(hide_password=True)})"


def _last(value: str | tuple[str, ...]) -> str:
    return value if isinstance(value, str) else value[-1]


def _connect_args(query: dict[str, str]) -> dict[str, Any]:
    """Converts parameters of libpq to arguments of asyncpg; drops those without a counterpart."""
    arguments: dict[str, Any] = {}
    settings = {key: query[key] for key in ("application_name", "options") if query.get(key)}
    if settings:
        arguments["server_settings"] = settings
    seconds = query.get("connect_timeout", "")
    if seconds.isdecimal() and int(seconds) > 0:
        arguments["timeout"] = float(seconds)
    mode = query.get("sslmode") or query.get("ssl") or ""
    if mode:
        arguments["ssl"] = _tls(mode, query.get("sslrootcert", ""))
    return arguments


def _tls(mode: str, authorities: str) -> ssl.SSLContext | str | bool:
    """`sslmode` for asyncpg, whose own TLS contexts would read files of the home directory."""
    if mode in ("disable", "false"):
        return False
    if mode in ("allow", "prefer"):
        return mode
    if mode not in ("require", "true", "verify-ca", "verify-full"):
        raise DatabaseUrlError(
            "DATABASE_URL has an unknown sslmode; help: use sslmode=require or sslmode=verify-full"
        )
    try:
        file = authorities if authorities not in ("", "system") else None
        context = ssl.create_default_context(cafile=file)
    except OSError as error:
        raise DatabaseUrlError(
            f"DATABASE_URL's sslrootcert cannot be read ({error.strerror}); "
            "help: use sslrootcert=system, or mount the file"
        ) from None
    context.check_hostname = mode == "verify-full"
    if mode in ("require", "true"):
        context.verify_mode = ssl.CERT_NONE
    return context
