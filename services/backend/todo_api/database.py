"""The connection pool, and transactions that distinguish an unavailable database from errors."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import asyncpg
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import (
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)
from sqlalchemy.pool import NullPool

from todo_api.database_url import DatabaseUrl
from todo_api.errors import ApiError, DatabaseAway
from todo_common import logs

# The timeouts to connect, to get a free connection, and of one statement.
CONNECT_TIMEOUT_S, POOL_TIMEOUT_S, STATEMENT_TIMEOUT_S = 3.0, 3.0, 5.0
# The timeout of a statement that checks the database.
PROBE_TIMEOUT_S = 2.0
# The connections that are kept, and how many more. With those for checks, two replicas use at most
# 22; our PostgreSQL allows 60.
CONNECTIONS = (5, 5)
# Statements have no name and are not kept: a pooler in transaction mode (PgBouncer, Neon's pooled
# address) may use another connection to the server for the next transaction, which lacks them.
UNNAMED: dict[str, Any] = {
    "statement_cache_size": 0,
    "prepared_statement_cache_size": 0,
    "prepared_statement_name_func": lambda: "",
}


class Database:
    """The one database of this process."""

    def __init__(self, url: DatabaseUrl) -> None:
        self.url = url
        self.engine = _engine(url, statement=STATEMENT_TIMEOUT_S, connections=CONNECTIONS)
        self._readers = async_sessionmaker(self.engine)
        # A connection of its own: requests that use all the others do not mean that the database
        # is down, and a pod that is taken out for that reason leaves its load to the rest.
        self._probe = _engine(url, statement=PROBE_TIMEOUT_S, connections=(1, 0), writes=False)
        self._probers = async_sessionmaker(self._probe)
        # SQLite needs no round trips, so transactions cost nothing there.
        level: dict[str, Any] = {} if url.is_sqlite else {"isolation_level": "READ COMMITTED"}
        writing = self.engine.execution_options(**level)
        self._sessions = async_sessionmaker(writing, expire_on_commit=False)

    def transaction(self) -> AbstractAsyncContextManager[AsyncSession]:
        """A transaction; raises `DatabaseAway` if the database cannot be reached."""
        return self._session(self._sessions)

    def reading(self) -> AbstractAsyncContextManager[AsyncSession]:
        """For reading: without the round trips of BEGIN and COMMIT."""
        return self._session(self._readers)

    def probing(self) -> AbstractAsyncContextManager[AsyncSession]:
        """For checking whether the database responds, on a connection that no request uses."""
        return self._session(self._probers)

    @asynccontextmanager
    async def _session(
        self, sessions: async_sessionmaker[AsyncSession]
    ) -> AsyncIterator[AsyncSession]:
        try:
            async with sessions.begin() as session:
                yield session
        except PoolTimeout:
            logs.warning("every connection to the database is in use")
            raise ApiError(503, "Too many requests at once; try again.", "busy") from None
        except Exception as error:
            if is_away(error):
                raise DatabaseAway(f"{self.url.where}: {describe(error)}") from error
            raise

    def migration_engine(self) -> AsyncEngine:
        """An engine without a statement timeout, for migrations."""
        return _engine(self.url, statement=None, connections=None)

    async def close(self) -> None:
        await self.engine.dispose()
        await self._probe.dispose()


def is_away(error: Exception) -> bool:
    """Whether the database or the connection failed, and not the statement."""
    if isinstance(error, DBAPIError):
        # The base class covers errors without a class, such as "terminating connection".
        known = (OperationalError, InterfaceError)
        return isinstance(error, known) or error.connection_invalidated or type(error) is DBAPIError
    # While connecting, SQLAlchemy does not wrap the errors of asyncpg.
    away = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError)
    return isinstance(error, away)


def describe(error: BaseException) -> str:
    """One line for the log: the innermost cause."""
    cause = getattr(error, "orig", None) or error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    text = str(cause) or "no answer in time"
    return f"{type(cause).__name__}: {text}".splitlines()[0][:300]


def _engine(
    url: DatabaseUrl,
    *,
    statement: float | None,
    connections: tuple[int, int] | None,
    writes: bool = True,
) -> AsyncEngine:
    """`connections` that are kept, and how many more; None: a new one each time."""
    # Parameters contain texts of users and must not be logged.
    options: dict[str, Any] = {"hide_parameters": True}
    if url.is_sqlite:
        # Seconds to wait for another writer; migrations wait longer.
        wait = {"timeout": statement or 60.0}
        engine = create_async_engine(url.url, connect_args=wait, **options)
        if writes:
            _begin_in_sqlite(engine)
        return engine
    if connections:
        kept, more = connections
        # The test before use costs one round trip and avoids an error after a restart of
        # the database.
        options.update(pool_size=kept, max_overflow=more, pool_timeout=POOL_TIMEOUT_S)
        options.update(pool_pre_ping=True)
        # Outside a transaction, that test takes one round trip in place of three.
        options.update(isolation_level="AUTOCOMMIT")
    else:
        options.update(poolclass=NullPool)
    limits = {"timeout": CONNECT_TIMEOUT_S, "command_timeout": statement}
    arguments = UNNAMED | limits | url.connect_args
    return create_async_engine(url.url, connect_args=arguments, **options)


def _begin_in_sqlite(engine: AsyncEngine) -> None:
    """Takes SQLite's write lock at the start of a transaction, so that writers wait for each other.

    It makes schema changes transactional too, which the driver does not do by itself.
    """

    @event.listens_for(engine.sync_engine, "connect")
    def _(connection: Any, _record: Any) -> None:
        connection.isolation_level = None

    @event.listens_for(engine.sync_engine, "begin")
    def _(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
