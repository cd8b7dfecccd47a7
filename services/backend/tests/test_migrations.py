"""Migrations: complete, safe to run concurrently, and without effect on other tables."""

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text
from sqlmodel import SQLModel

from tests.conftest import Start
from tests.servers import Postgres
from tests.support import App
from todo_api.database import Database
from todo_api.database_url import DatabaseUrl
from todo_api.migrate import VERSION_TABLE, Migrations, config
from todo_testing.program import SERVICES

# Runs the migrations in a process of its own.
PROGRAM = """
import asyncio, sys
from todo_api.database import Database
from todo_api.database_url import DatabaseUrl
from todo_api.migrate import Migrations
sys.stdin.readline()
asyncio.run(Migrations(Database(DatabaseUrl.parse(sys.argv[1]))).once())
"""


async def test_the_migrations_make_what_the_models_say(app: App) -> None:
    def differences(connection: Connection) -> Any:
        options = {"version_table": VERSION_TABLE, "compare_type": True}
        context = MigrationContext.configure(connection, opts=options)
        return compare_metadata(context, SQLModel.metadata)

    async with app.parts.database.engine.connect() as connection:
        assert await connection.run_sync(differences) == []


@pytest.mark.parametrize("round", range(2))
async def test_processes_that_migrate_at_once(database_url: str, round: int) -> None:
    processes = [
        await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", PROGRAM, database_url),
            env=os.environ | {"PYTHONPATH": str(SERVICES / "common")},
            stdin=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        for _ in range(3)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(b"go\n")
    for process in processes:
        _, errors = await asyncio.wait_for(process.communicate(), 60)
        assert process.returncode == 0, errors.decode()
    database = Database(DatabaseUrl.parse(database_url))
    async with database.transaction() as session:
        rows = (await session.execute(text(f"SELECT version_num FROM {VERSION_TABLE}"))).all()
        assert rows == [(Migrations(database).head,)]
        assert (await session.execute(text("SELECT count(*) FROM tasks"))).scalar() == 0
    await database.close()


async def test_tables_of_others_are_left_alone(start: Start, postgres: Postgres) -> None:
    url = postgres.fresh()
    name = url.rsplit("/", 1)[1]
    postgres.sql("CREATE TABLE alembic_version (version_num text)", name)
    postgres.sql("INSERT INTO alembic_version VALUES ('theirs')", name)
    async with start(DATABASE_URL=url) as app:
        await app.add("x")
    assert postgres.sql("SELECT version_num FROM alembic_version", name) == "theirs"
    async with start(DATABASE_URL=url) as app:
        assert await app.titles() == ["x"]


async def test_a_database_of_the_first_release_keeps_its_tasks(
    start: Start, database_url: str
) -> None:
    database = Database(DatabaseUrl.parse(database_url))
    engine = database.migration_engine()
    async with engine.begin() as connection:
        await connection.run_sync(lambda inner: command.upgrade(config(inner), "0001"))
        rows = "(user_id, title, completed, created_at, updated_at)"
        moment = "'2026-01-01 00:00:00+00:00'"
        await connection.execute(
            text(f"INSERT INTO tasks {rows} VALUES ('local', 'old', false, {moment}, {moment})")
        )
    await engine.dispose()
    await database.close()
    async with start(DATABASE_URL=database_url) as app:
        assert await app.titles() == ["old"]
        assert (await app.client.get("/api/chat/messages")).json() == []


async def test_a_database_that_is_newer_still_serves(start: Start, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/x.db"
    async with start(DATABASE_URL=url) as app:
        await app.add("x")
        async with app.parts.database.transaction() as session:
            await session.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = 'later'"))
    async with start(DATABASE_URL=url) as app:
        assert await app.titles() == ["x"]


async def test_a_migration_that_fails_leaves_nothing(postgres: Postgres) -> None:
    url = postgres.fresh()
    name = url.rsplit("/", 1)[1]
    # Blocks the creation of the second table.
    postgres.sql("CREATE TABLE task_lists (x int)", name)
    database = Database(DatabaseUrl.parse(url))
    with pytest.raises(Exception, match="task_lists"):
        await Migrations(database).once()
    await database.close()
    assert postgres.sql("SELECT to_regclass('tasks') IS NULL", name) == "t"
