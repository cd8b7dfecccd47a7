"""Backs up and restores the SQLite file of the backend.

The verbs are described in docs/ARCHITECTURE.md ("Backups").

Runs in the backend's container: python3 -c SCRIPT NAME VERB, with DATABASE_URL=sqlite:////PATH. SQLite copies
databases page by page in one transaction, so other processes see the old rows or the new ones.
"""

import os
import shutil
import sqlite3
import sys
from contextlib import closing

PATH = "/" + os.environ["DATABASE_URL"].partition("////")[2].partition("?")[0]
COPY = PATH + ".todo-bootstrap"
# Seconds to wait for a transaction of the backend.
TIMEOUT = 60


def connect(path: str) -> closing[sqlite3.Connection]:
    return closing(sqlite3.connect(path, timeout=TIMEOUT))


def schema(path: str) -> None:
    with connect(path) as database:
        table = "SELECT 1 FROM sqlite_master WHERE name = 'backend_alembic_version'"
        if database.execute(table).fetchone():
            print(*database.execute("SELECT version_num FROM backend_alembic_version").fetchone())


def copy(source: str, target: str) -> None:
    with connect(source) as old, connect(target) as new:
        old.backup(new)


def clean() -> None:
    for ending in ("", "-journal", "-wal", "-shm"):
        if os.path.exists(COPY + ending):
            os.remove(COPY + ending)


def dump() -> None:
    clean()
    try:
        copy(PATH, COPY)
        with open(COPY, "rb") as file:
            shutil.copyfileobj(file, sys.stdout.buffer)
    finally:
        clean()


def load() -> None:
    clean()
    with open(COPY, "wb") as file:
        shutil.copyfileobj(sys.stdin.buffer, file)
    if os.path.getsize(COPY) == 0:
        # SQLite takes it for a new database.
        sys.exit("error: the dump is empty")
    with connect(COPY) as database:
        found = database.execute("PRAGMA integrity_check").fetchone()[0]
    if found != "ok":
        sys.exit(f"error: {found}")
    schema(COPY)


def replace() -> None:
    if not os.path.exists(COPY):
        sys.exit(f"error: {COPY} does not exist")
    copy(COPY, PATH)


verbs = {
    "schema": lambda: schema(PATH),
    "dump": dump,
    "load": load,
    "replace": replace,
    "clean": clean,
}
verbs[sys.argv[-1]]()
