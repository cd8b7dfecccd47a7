"""The scripts that back up and restore data, with PostgreSQL and SQLite themselves."""

import os
import sqlite3
import subprocess
import sys
import tempfile
import threading
import unittest
from contextlib import closing
from pathlib import Path

from pods import ROOT, Pod, programs

DATA = ROOT / "manifests/todo-chatbot/data"
VERSION = "backend_alembic_version"
Result = subprocess.CompletedProcess


class Scripts(unittest.TestCase):
    """Tests of every script. `rows` reads the data, `put` replaces it."""

    def verb(self, verb: str, given: bytes = b"") -> "Result[bytes]":
        raise NotImplementedError

    def rows(self) -> str:
        raise NotImplementedError

    def put(self, rows: str) -> None:
        raise NotImplementedError

    def done(self, verb: str, given: bytes = b"") -> bytes:
        run = self.verb(verb, given)
        self.assertEqual(run.returncode, 0, run.stderr)
        return run.stdout

    def check_a_dump_comes_back(self) -> None:
        self.put("first")
        dump = self.done("dump")
        self.put("second")
        self.assertEqual(self.done("load", dump).strip(), self.done("schema").strip())
        self.assertEqual(self.rows(), "second", "loading changes nothing")
        self.done("replace")
        self.assertEqual(self.rows(), "first")
        self.done("clean")
        self.assertEqual(self.rows(), "first")

    def check_a_damaged_dump_changes_nothing(self) -> None:
        self.put("first")
        dump = self.done("dump")
        for damaged in (b"", dump[: len(dump) // 3]):
            run = self.verb("load", damaged)
            self.assertNotEqual(run.returncode, 0)
            self.assertNotEqual(run.stderr.strip(), b"", "the cause is named")
            self.done("clean")
            self.assertNotEqual(self.verb("replace").returncode, 0, "there is no copy")
        self.assertEqual(self.rows(), "first")
        self.done("clean")


class PostgreSQL(Scripts):
    pod: Pod

    @classmethod
    def setUpClass(cls) -> None:
        cls.pod = Pod()
        cls.addClassCleanup(cls.pod.remove)
        cls.pod.password = "of the database"
        cls.pod.start()

    def setUp(self) -> None:
        self.query(f"CREATE TABLE IF NOT EXISTS {VERSION} AS SELECT '0002' AS version_num")

    def env(self) -> dict[str, str]:
        path = f"{programs()}:/usr/bin:/bin"
        return self.pod.env(path) | {"PGPORT": self.pod.port}

    def verb(self, verb: str, given: bytes = b"") -> "Result[bytes]":
        command = self.command(verb)
        if verb != "dump":
            return subprocess.run(
                command, check=False, env=self.env(), input=given, capture_output=True
            )
        # The standard input is open as long as somebody reads.
        ours, theirs = os.pipe()
        with open(ours, "rb") as end, open(theirs, "wb"):
            return subprocess.run(
                command, check=False, env=self.env(), stdin=end, capture_output=True
            )

    def command(self, verb: str) -> list[str]:
        return ["sh", "-c", (DATA / "postgres.sh").read_text(), "postgres", verb]

    def query(self, statement: str) -> str:
        where = ["-h", "127.0.0.1", "-U", self.pod.user, "-d", self.pod.database]
        env = self.env() | {"PGPASSWORD": self.pod.password}
        call = ["psql", "-XAtq", *where, "-c", statement]
        return subprocess.run(
            call, check=True, env=env, capture_output=True, text=True
        ).stdout.strip()

    def rows(self) -> str:
        return self.query("SELECT text FROM rows")

    def put(self, rows: str) -> None:
        self.query(f"DROP TABLE IF EXISTS rows; CREATE TABLE rows AS SELECT '{rows}' AS text")

    def test_a_dump_comes_back(self) -> None:
        self.assertEqual(self.done("schema").strip(), b"0002")
        self.check_a_dump_comes_back()

    def test_a_damaged_dump_changes_nothing(self) -> None:
        self.check_a_damaged_dump_changes_nothing()

    def test_a_new_database_has_no_schema(self) -> None:
        self.query(f"DROP TABLE {VERSION}")
        self.assertEqual(self.done("schema"), b"")

    def test_clients_that_connect_all_the_time_do_not_prevent_it(self) -> None:
        self.put("first")
        self.done("load", self.done("dump"))
        self.put("second")
        ended = threading.Event()

        def connect() -> None:
            while not ended.is_set():
                with_errors = ["psql", "-XAtq", "-h", "127.0.0.1", "-U", self.pod.user]
                env = self.env() | {"PGPASSWORD": self.pod.password}
                call = [*with_errors, "-d", self.pod.database, "-c", "SELECT pg_sleep(0.05)"]
                subprocess.run(call, check=False, env=env, capture_output=True)

        clients = [threading.Thread(target=connect) for _ in range(4)]
        for client in clients:
            client.start()
        try:
            self.done("replace")
        finally:
            ended.set()
            for client in clients:
                client.join()
        self.assertEqual(self.rows(), "first")
        self.done("clean")

    def test_a_dump_that_nobody_reads_ends_and_keeps_no_lock(self) -> None:
        self.query(
            "CREATE TABLE large AS SELECT md5(random()::text) FROM generate_series(1, 200000)"
        )
        dump = subprocess.Popen(
            self.command("dump"), env=self.env(), stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert dump.stdin and dump.stdout
        dump.stdout.read(1)
        self.assertIsNone(dump.poll(), "it waits for the reader")
        dump.stdin.close()
        self.assertNotEqual(dump.wait(30), 0)
        dump.stdout.close()
        self.query("SET lock_timeout = '20s'; DROP TABLE large")

    def test_names_may_have_any_character(self) -> None:
        script = (DATA / "postgres.sh").read_text()
        self.assertNotIn("'$database'", script)
        self.query('CREATE DATABASE "it\'s ""odd"""')
        self.addCleanup(setattr, self.pod, "database", self.pod.database)
        self.pod.database = 'it\'s "odd"'
        self.setUp()
        self.check_a_dump_comes_back()


class SQLite(Scripts):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory(prefix="todo-data-")
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name) / "tasks.db"
        with self.connect() as database:
            database.execute("PRAGMA journal_mode = WAL")
            database.execute(f"CREATE TABLE {VERSION} (version_num)")
            database.execute(f"INSERT INTO {VERSION} VALUES ('0002')")
            database.execute("CREATE TABLE rows (text)")
            database.commit()

    def connect(self) -> "closing[sqlite3.Connection]":
        return closing(sqlite3.connect(self.path))

    def verb(self, verb: str, given: bytes = b"") -> "Result[bytes]":
        command = [sys.executable, "-c", (DATA / "tasks.py").read_text(), "tasks", verb]
        env = os.environ | {"DATABASE_URL": f"sqlite:///{self.path}"}
        return subprocess.run(command, check=False, env=env, input=given, capture_output=True)

    def rows(self) -> str:
        with self.connect() as database:
            return database.execute("SELECT text FROM rows").fetchone()[0]

    def put(self, rows: str) -> None:
        with self.connect() as database:
            database.execute("DELETE FROM rows")
            database.execute("INSERT INTO rows VALUES (?)", (rows,))
            database.commit()

    def test_a_dump_comes_back_to_open_connections(self) -> None:
        with self.connect() as open_all_the_time:
            self.check_a_dump_comes_back()
            self.assertEqual(
                open_all_the_time.execute("SELECT text FROM rows").fetchone(), ("first",)
            )
        self.assertEqual([path.name for path in self.path.parent.iterdir()], ["tasks.db"])

    def test_a_damaged_dump_changes_nothing(self) -> None:
        self.check_a_damaged_dump_changes_nothing()


del Scripts

if __name__ == "__main__":
    unittest.main()
