"""The service as a process."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

HERE = Path(__file__).parents[1]


class Program:
    """The process, and a client of it."""

    def __init__(self, **env: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = env.get("PORT") or str(probe.getsockname()[1])
        self.port, self.url = port, f"http://127.0.0.1:{port}"
        base = {"PATH": os.environ["PATH"], "HOST": "127.0.0.1", "PORT": port}
        self.process = subprocess.Popen(
            [sys.executable, "-B", "-m", "mock_llm"],
            cwd=HERE,
            env=base | env,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, path: str, body: Any = None, **headers: str) -> tuple[int, str]:
        content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        try:
            with urlopen(Request(self.url + path, content, headers), timeout=10) as answer:
                return answer.status, answer.read().decode()
        except HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def until_healthy(self) -> None:
        deadline = time.monotonic() + 20
        while self.ask("/health")[0] != 200:
            assert time.monotonic() < deadline and self.process.poll() is None
            time.sleep(0.05)


@contextlib.contextmanager
def running(**env: str) -> Iterator[Program]:
    program = Program(**env)
    try:
        yield program
    finally:
        if program.process.poll() is None:
            program.process.kill()
        program.process.communicate()
