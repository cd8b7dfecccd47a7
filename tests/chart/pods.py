"""The database pod, as far as its password is concerned: the init container and then the server,
on one volume, as the user of the image and with only the pod's environment."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "manifests/todo-chatbot/scripts/postgres-password.sh"
ENTRYPOINT = ROOT / "offline/images/postgres/entrypoint"
INSTALL = "apt-get install -y --no-install-recommends postgresql"
# PostgreSQL refuses to run as root.
USER = "postgres" if os.geteuid() == 0 else None


def programs() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    if not found:
        raise RuntimeError(f"the tests need PostgreSQL; help: {INSTALL}")
    return found[-1].parent


class Pod:
    """The image that `offline/images/postgres` builds."""

    stop_signal = signal.SIGTERM

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="todo-password-"))
        self.data = self.folder / "volume/pgdata"
        self.data.parent.mkdir()
        for folder in (self.folder, self.data.parent):
            if USER:
                shutil.chown(folder, USER, USER)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = str(probe.getsockname()[1])
        self.settings = {
            "port": self.port,
            "unix_socket_directories": str(self.folder),
            "fsync": "off",
        }
        self.user = self.database = "todo"
        self.server: subprocess.Popen[bytes] | None = None
        self.password = ""

    def args(self) -> list[str]:
        pairs = [f"{name}={value}" for name, value in self.settings.items()]
        return ["postgres", *(part for pair in pairs for part in ("-c", pair))]

    def env(self, path: str = "/usr/bin:/bin") -> dict[str, str]:
        return {
            "PATH": path,
            "PGDATA": str(self.data),
            "POSTGRES_USER": self.user,
            "POSTGRES_DB": self.database,
            "POSTGRES_PASSWORD": self.password,
            "POSTGRES_INITDB_ARGS": "--no-sync --wal-segsize=1",
        }

    def prepare(self, path: str = "/usr/bin:/bin") -> "subprocess.CompletedProcess[str]":
        """Runs the init container to completion; `path` is the image's PATH."""
        with self.preparing(path) as run:
            said, _ = run.communicate(timeout=60)
        return subprocess.CompletedProcess(run.args, run.returncode, said)

    def preparing(self, path: str = "/usr/bin:/bin") -> "subprocess.Popen[str]":
        command = ["sh", "-c", SCRIPT.read_text(), "password", *self.args()]
        output = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        return subprocess.Popen(command, **output, **self.child(path))

    def child(self, path: str) -> dict[str, object]:
        return {"env": self.env(path), "cwd": self.folder, "user": USER, "group": USER}

    def command(self) -> list[str]:
        return ["bash", str(ENTRYPOINT), *self.args()]

    def start(self) -> None:
        path = f"{programs()}:/usr/bin:/bin"
        with (self.folder / "log").open("ab") as log:
            self.server = subprocess.Popen(
                self.command(), stdout=log, stderr=log, **self.child(path)
            )
        ready = [programs() / "pg_isready", "-q", "-h", "127.0.0.1", "-p", self.port]
        deadline = time.monotonic() + 60
        while subprocess.run(ready, check=False).returncode != 0:
            if self.server.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((self.folder / "log").read_text())
            time.sleep(0.05)

    def stop(self, how: "signal.Signals | None" = None) -> None:
        if self.server:
            self.server.send_signal(how or self.stop_signal)
            self.server.wait(60)
            self.server = None

    def sql(self, statement: str, password: str) -> str | None:
        """Returns the statement's result over the network, or None if the password is rejected."""
        where = ["-h", "127.0.0.1", "-p", self.port, "-U", self.user, "-d", "template1"]
        call = [programs() / "psql", "-X", "-A", "-t", "-w", *where, "-c", statement]
        env = {"PATH": "/usr/bin:/bin", "PGPASSWORD": password}
        run = subprocess.run(call, check=False, env=env, capture_output=True, text=True)
        if "password authentication failed" in run.stderr:
            return None
        run.check_returncode()
        return run.stdout.strip()

    def copy(self, other: "Pod") -> None:
        """Takes over the volume of a stopped pod."""
        subprocess.run(["cp", "-a", other.data, self.data], check=True)

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.folder)


class OfficialPod(Pod):
    """docker.io/library/postgres as documented at https://hub.docker.com/_/postgres and
    https://github.com/docker-library/docs/tree/master/postgres. If PGDATA has no PG_VERSION, the
    database is created and the variables apply; otherwise the server is started."""

    stop_signal = signal.SIGINT

    def command(self) -> list[str]:
        return ["bash", "-euc", OFFICIAL, "official", *self.args()]


# Not shown: connections from the pod itself need no password. The tests connect this way.
OFFICIAL = r"""
if [[ ! -s $PGDATA/PG_VERSION ]]; then
    initdb -D "$PGDATA" -U "$POSTGRES_USER" --pwfile=<(printf '%s\n' "$POSTGRES_PASSWORD") $POSTGRES_INITDB_ARGS
    echo 'host all all all scram-sha-256' >"$PGDATA/pg_hba.conf"
    echo "CREATE DATABASE \"$POSTGRES_DB\"" | postgres --single -D "$PGDATA" template1
fi
exec "$@"
"""
