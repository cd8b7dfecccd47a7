"""PostgreSQL and Redis for one test session, on loopback, in temporary directories."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from todo_testing.program import free_port

POSTGRES = Path("/usr/lib/postgresql/15/bin")
INSTALL = "apt-get install -y --no-install-recommends postgresql-15 pgbouncer redis-server"
# PostgreSQL refuses to run as root.
USER = "postgres" if os.geteuid() == 0 else None


def program(name: str) -> str:
    found = shutil.which(name, path=f"{POSTGRES}:{os.environ.get('PATH', '')}:/usr/sbin")
    if found is None:
        raise RuntimeError(f"the tests need {name}, which is not installed; help: {INSTALL}")
    return found


def wait_for(
    at: tuple[str, int], process: "subprocess.Popen[bytes]", log: Path, seconds: float = 20
) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection(at, 1).close()
            return
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"no server on port {at[1]}:\n{log.read_text()}") from None
            time.sleep(0.02)


class Server:
    """A server that can be stopped and started again with the same port and data."""

    end = signal.SIGTERM
    host = "127.0.0.1"

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="todo-test-"))
        self.port = free_port()
        self.log = self.folder / "log"
        self.process: subprocess.Popen[bytes] | None = None
        if USER:
            shutil.chown(self.folder, USER, USER)

    def command(self) -> list[str]:
        raise NotImplementedError

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command(), stdout=log, stderr=log, cwd=self.folder, user=USER, group=USER
            )
        wait_for((self.host, self.port), self.process, self.log)

    def stop(self) -> None:
        if self.process is not None:
            self.process.send_signal(self.end)
            self.process.wait(20)
            self.process = None

    def remove(self) -> None:
        # Its data is not needed any more, so it need not be written.
        if self.process is not None:
            self.process.send_signal(signal.SIGQUIT)
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                # A server that a test has frozen may not react.
                self.process.kill()
                self.process.wait(20)
        shutil.rmtree(self.folder)


class Postgres(Server):
    # "Fast" shutdown: open connections are closed, as when a pod is deleted.
    end = signal.SIGINT

    def __init__(self) -> None:
        super().__init__()
        self.data = self.folder / "data"
        arguments = ["-A", "trust", "-U", "todo", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]
        subprocess.run(
            [program("initdb"), "-D", self.data, *arguments],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=self.folder,
            user=USER,
            group=USER,
        )
        self.count = 0

    def command(self) -> list[str]:
        # The data is temporary and not replicated, so a minimal log is enough.
        # Commits stay synchronous: tests kill the server and read their rows afterwards.
        settings = [
            "fsync=off",
            "full_page_writes=off",
            "wal_level=minimal",
            "max_wal_senders=0",
            "autovacuum=off",
            "listen_addresses=127.0.0.1",
            f"unix_socket_directories={self.folder}",
        ]
        flags = [part for setting in settings for part in ("-c", setting)]
        return [program("postgres"), "-D", str(self.data), "-p", str(self.port), *flags]

    def start(self) -> None:
        super().start()
        # It accepts connections before statements: "the database system is starting up".
        asking = [program("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        deadline = time.monotonic() + 20
        while subprocess.run(asking, check=False).returncode != 0:
            if time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL does not become ready:\n{self.log.read_text()}")
            time.sleep(0.02)

    def sql(self, statement: str, database: str = "postgres") -> str:
        where = ["-h", "127.0.0.1", "-p", str(self.port), "-U", "todo", "-d", database]
        flags = ["-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-c", statement]
        run = subprocess.run(
            [program("psql"), *where, *flags], check=True, text=True, stdout=subprocess.PIPE
        )
        return run.stdout.strip()

    def fresh(self) -> str:
        """The URL of an empty database."""
        self.count += 1
        self.sql(f"CREATE DATABASE t{self.count}")
        return self.url(f"t{self.count}")

    def url(self, database: str) -> str:
        return f"postgresql://todo:pass-canary@127.0.0.1:{self.port}/{database}"


class RedisServer(Server):
    def command(self) -> list[str]:
        where = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder)]
        return [program("redis-server"), *where, "--save", "", "--appendonly", "yes"]

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"


class PgBouncer(Server):
    """A pooler in transaction mode with two connections to the server, as strict as managed ones.

    Version 1.18 keeps no named statements and refuses start-up parameters that it does not know.
    """

    end = signal.SIGINT

    def __init__(self, postgres: Postgres, host: str = Server.host) -> None:
        super().__init__()
        self.host = host
        (self.folder / "users.txt").write_text('"todo" "pass-canary"\n')
        (self.folder / "pgbouncer.ini").write_text(
            "[databases]\n"
            f"* = host=127.0.0.1 port={postgres.port} user=todo\n"
            "[pgbouncer]\n"
            f"listen_addr = {host}\nlisten_port = {self.port}\nunix_socket_dir =\n"
            "auth_type = scram-sha-256\nauth_file = users.txt\n"
            "pool_mode = transaction\ndefault_pool_size = 2\n"
        )

    def command(self) -> list[str]:
        return [program("pgbouncer"), "pgbouncer.ini"]

    def through(self, url: str) -> str:
        """The URL of the same database through the pooler."""
        return f"postgresql://todo:pass-canary@{self.host}:{self.port}/{url.rsplit('/', 1)[1]}"
