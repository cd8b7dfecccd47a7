"""Migrates the tables to the version of this program, before the process becomes ready."""

import asyncio
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from todo_api.database import Database, describe
from todo_common import logs

# Other services in the same database have their own version tables.
VERSION_TABLE = "backend_alembic_version"
# A lock ID that no other program in this database uses: "todo" in ASCII.
LOCK = 0x746F646F
# The first and the longest pause between two tries.
MIN_PAUSE_S, MAX_PAUSE_S = 0.2, 5.0


def config(connection: Connection | None = None) -> Config:
    settings = Config()
    settings.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    settings.attributes["connection"] = connection
    return settings


class Migrations:
    """The migrations of one database; `run` retries until they succeed."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.scripts = ScriptDirectory.from_config(config())
        self.head = self.scripts.get_current_head()
        self._wanted = asyncio.Event()
        self._wanted.set()

    @property
    def done(self) -> bool:
        return not self._wanted.is_set()

    def again(self) -> None:
        """Migrates again after the tables disappeared, for example in a new database."""
        self._wanted.set()

    async def run(self) -> None:
        """Retries until it succeeds, because the database may start later."""
        pause, told = MIN_PAUSE_S, ""
        while True:
            await self._wanted.wait()
            try:
                await self.once()
                pause, told = MIN_PAUSE_S, ""
            except Exception as error:
                cause = f"{self.database.url.where}: {describe(error)}"
                if cause != told:
                    logs.warning("waiting for the database", cause=cause)
                told = cause
                await asyncio.sleep(pause)
                pause = min(pause * 2, MAX_PAUSE_S)

    async def once(self) -> None:
        engine = self.database.migration_engine()
        try:
            async with engine.begin() as connection:
                await self._locked(connection)
                await connection.run_sync(self._upgrade)
        finally:
            await engine.dispose()
        self._wanted.clear()
        logs.info("the database is migrated", revision=self.head)

    async def _locked(self, connection: AsyncConnection) -> None:
        # Two replicas start at once; the second waits here and then finds nothing to do. The
        # lock ends with the transaction, so it also works through a pooler. SQLite's
        # transaction is such a lock by itself.
        if not self.database.url.is_sqlite:
            await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})

    def _upgrade(self, connection: Connection) -> None:
        present = _revision(connection)
        if present is not None and not self._known(present):
            # This is an older program after a rollback. Migrations only add, so it works.
            logs.warning("the database is newer than this program", revision=present)
            return
        command.upgrade(config(connection), "head")

    def _known(self, revision: str) -> bool:
        return any(script.revision == revision for script in self.scripts.walk_revisions())

    async def present(self, session: AsyncSession) -> str | None:
        """The revision of the database; None if it was never migrated."""
        return await session.run_sync(lambda inner: _revision(inner.connection()))


def _revision(connection: Connection) -> str | None:
    options: dict[str, Any] = {"version_table": VERSION_TABLE}
    return MigrationContext.configure(connection, opts=options).get_current_revision()
