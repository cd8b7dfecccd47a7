"""Serves a greeting and notes over HTTP, using only the standard library.

GET /                start page with the greeting
GET /healthz         the process responds
GET /readyz          the data directory is writable
GET /notes           names of all notes
GET|PUT /notes/NAME  a note: plain text, stored in the data directory
"""

from __future__ import annotations

import hmac
import html
import json
import os
import re
import signal
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

MAX_NOTE = 64 * 1024
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
NOTE = re.compile(rf"/notes/({NAME.pattern})")
# Idle clients are disconnected after this many seconds, so that they do not delay the exit.
IDLE_TIMEOUT_S = 10


@dataclass(frozen=True)
class Settings:
    """Settings from the environment."""

    greeting: str = "Hello"
    token: str = ""
    data: Path = Path("/data")
    port: int = 8080

    @classmethod
    def of(cls, env: dict[str, str]) -> Settings:
        return cls(
            greeting=env.get("GREETING") or cls.greeting,
            token=env.get("API_TOKEN", ""),
            data=Path(env.get("DATA_DIR") or cls.data),
            port=int(env.get("PORT") or cls.port),
        )


class Notes:
    """Notes, stored as files in one directory and replaced atomically."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def names(self) -> list[str]:
        return sorted(file.name for file in self.folder.iterdir() if NAME.fullmatch(file.name))

    def read(self, name: str) -> bytes | None:
        try:
            return (self.folder / name).read_bytes()
        except FileNotFoundError:
            return None

    def write(self, name: str, text: bytes) -> None:
        # If writing is interrupted, the dot prefix keeps the file from being listed as a note.
        with tempfile.NamedTemporaryFile(dir=self.folder, prefix=".new-", delete=False) as file:
            try:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
                os.replace(file.name, self.folder / name)
            except BaseException:
                Path(file.name).unlink(missing_ok=True)
                raise

    def writable(self) -> bool:
        return self.folder.is_dir() and os.access(self.folder, os.W_OK)


def log(level: str, message: str, **fields: object) -> None:
    """Writes one line of JSON to standard output."""
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    print(json.dumps({"ts": stamp, "level": level, "message": message, **fields}), flush=True)


class Handler(BaseHTTPRequestHandler):
    """Handles one connection."""

    # One request per connection: idle connections would delay the exit.
    protocol_version = "HTTP/1.0"
    server_version = "hello"
    sys_version = ""
    timeout = IDLE_TIMEOUT_S
    server: Server

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        if path == "/":
            greeting = html.escape(self.server.settings.greeting)
            page = f"<!doctype html>\n<title>hello</title>\n<h1>{greeting}</h1>\n"
            self.answer(200, page, "text/html; charset=utf-8")
        elif path == "/healthz":
            self.answer_json(200, {"status": "ok"})
        elif path == "/readyz":
            ready = self.server.notes.writable()
            self.answer_json(
                200 if ready else 503, {"status": "ok" if ready else "data not writable"}
            )
        elif path == "/notes":
            self.answer_json(200, {"notes": self.server.notes.names()})
        elif match := NOTE.fullmatch(path):
            text = self.server.notes.read(match[1])
            if text is None:
                self.answer_json(404, {"error": "no such note"})
            else:
                self.answer(200, text, "text/plain; charset=utf-8")
        else:
            self.answer_json(404, {"error": "no such page"})

    do_HEAD = do_GET

    def do_PUT(self) -> None:
        match = NOTE.fullmatch(urlsplit(self.path).path)
        length = self.headers.get("Content-Length", "")
        if not match:
            self.answer_json(404, {"error": "no such page"})
        elif not self.allowed():
            self.answer_json(401, {"error": "send Authorization: Bearer <API_TOKEN>"})
        elif not length.isdecimal():
            self.answer_json(411, {"error": "Content-Length is missing"})
        elif int(length) > MAX_NOTE:
            self.answer_json(413, {"error": f"a note has at most {MAX_NOTE} bytes"})
        else:
            text = self.rfile.read(int(length))
            if len(text) < int(length):
                return
            created = self.server.notes.read(match[1]) is None
            self.server.notes.write(match[1], text)
            self.answer_json(201 if created else 200, {"note": match[1], "bytes": len(text)})

    def allowed(self) -> bool:
        token = self.server.settings.token
        sent = self.headers.get("Authorization", "").encode("utf-8", "surrogateescape")
        return not token or hmac.compare_digest(sent, f"Bearer {token}".encode())

    def answer_json(self, status: int, document: object) -> None:
        self.answer(status, json.dumps(document) + "\n", "application/json")

    def answer(self, status: int, body: str | bytes, kind: str) -> None:
        content = body.encode() if isinstance(body, str) else body
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        # Successful probes are not logged.
        if self.path not in ("/healthz", "/readyz") or code != 200:
            log("info", "request", method=self.command, path=self.path, status=int(code))

    def log_message(self, format: str, *args: object) -> None:
        log("warning", format % args)


class Server(ThreadingHTTPServer):
    """The server and the state that its handlers use."""

    # Requests in progress are completed before the process exits.
    daemon_threads = False
    block_on_close = True

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.notes = Notes(settings.data)
        super().__init__(("", settings.port), Handler)


def main() -> int:
    settings = Settings.of(dict(os.environ))
    server = Server(settings)

    def stop(number: int, _frame: object) -> None:
        log("info", "stopping", signal=signal.Signals(number).name)
        # In another thread: `shutdown` waits for the loop that this handler interrupts.
        threading.Thread(target=server.shutdown).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    log("info", "listening", port=settings.port)
    with server:
        server.serve_forever(poll_interval=0.1)
    log("info", "stopped")
    return 0


if __name__ == "__main__":
    sys.exit(main())
