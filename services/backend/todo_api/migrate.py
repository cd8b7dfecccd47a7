"""Brings the tables to the state this program knows, before the process calls itself ready."""

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

# Other owners of tables in the same database have version tables of their own.
VERSION_TABLE = "backend_alembic_version"
# Any number that no other program of this database uses: "todo" in ASCII.
LOCK = 0x746F646F
# Seconds between two tries: first, and at most.
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0


def config(connection: Connection | None = None) -> Config:
    settings = Config()
    settings.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    settings.attributes["connection"] = connection
    return settings


class Migrations:
    """The migrations of one database; `run` goes on until they are done."""

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
        """The tables are gone: someone put another database in the place of ours."""
        self._wanted.set()

    async def run(self) -> None:
        """Tries until it succeeds: a database that starts late is no reason to end."""
        pause, told = FIRST_PAUSE, ""
        while True:
            await self._wanted.wait()
            try:
                await self.once()
                pause, told = FIRST_PAUSE, ""
            except Exception as error:
                cause = describe(error)
                if cause != told:
                    logs.warning("waiting for the database to migrate it", cause=cause)
                told = cause
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)

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
            # An older program after a rollback. Migrations only ever add, so it can work.
            logs.warning("the database is newer than this program", revision=present)
            return
        command.upgrade(config(connection), "head")

    def _known(self, revision: str) -> bool:
        return any(script.revision == revision for script in self.scripts.walk_revisions())

    async def present(self, session: AsyncSession) -> str | None:
        """The revision of the database, None where it was never migrated."""
        return await session.run_sync(lambda inner: _revision(inner.connection()))


def _revision(connection: Connection) -> str | None:
    options: dict[str, Any] = {"version_table": VERSION_TABLE}
    return MigrationContext.configure(connection, opts=options).get_current_revision()
