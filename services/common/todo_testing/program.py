"""A service as a process."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

SERVICES = Path(__file__).parents[2]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        assert isinstance(port, int)
        return port


class Program:
    """The process of one service, and a client for it."""

    def __init__(self, service: str, module: str, **env: str) -> None:
        self.port = int(env.get("PORT") or free_port())
        self.url = f"http://127.0.0.1:{self.port}"
        # A file and not a pipe: a full pipe would block the process.
        self.log = tempfile.TemporaryFile("w+")  # noqa: SIM115  (`running` closes it)
        base = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(SERVICES / "common"),
            # Where compiled modules are cached; empty: next to the sources.
            "PYTHONPYCACHEPREFIX": os.environ.get("PYTHONPYCACHEPREFIX", ""),
            "HOST": "127.0.0.1",
            "PORT": str(self.port),
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", module],
            cwd=SERVICES / service,
            env=base | env,
            stdout=self.log,
            stderr=subprocess.STDOUT,
        )

    def ask(self, path: str, data: Any = None, **headers: str) -> tuple[int, str]:
        """The status and the body; the status is 0 if there is no response."""
        body = data if isinstance(data, bytes) or data is None else json.dumps(data).encode()
        if body is not None:
            headers = {"Content-Type": "application/json"} | headers
        try:
            with urlopen(Request(self.url + path, body, headers), timeout=10) as answer:
                return answer.status, answer.read().decode()
        except HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def status(self, path: str, data: Any = None, **headers: str) -> int:
        return self.ask(path, data, **headers)[0]

    def until(self, path: str, status: int = 200) -> None:
        """Waits until the path is answered with this status."""
        deadline = time.monotonic() + 60
        while self.status(path) != status:
            assert time.monotonic() < deadline and self.process.poll() is None
            time.sleep(0.05)

    def end(self, number: signal.Signals = signal.SIGTERM) -> list[dict[str, Any]]:
        """Sends the signal and returns the log lines, each of which must be JSON."""
        self.process.send_signal(number)
        return [json.loads(line) for line in self.output().splitlines()]

    def output(self) -> str:
        """Waits for the process to exit and returns what it wrote."""
        self.process.wait(60)
        self.log.seek(0)
        return self.log.read()


@contextlib.contextmanager
def running(service: str, module: str, **env: str) -> Iterator[Program]:
    program = Program(service, module, **env)
    try:
        yield program
    finally:
        if program.process.poll() is None:
            program.process.kill()
        program.process.wait()
        program.log.close()
