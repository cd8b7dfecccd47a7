"""What happens around every request: its id, its log line, its size limit, and a last resort."""

import logging
import re
import time
import uuid

from fastapi import HTTPException
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from todo_api import logs
from todo_api.errors import CODES, answer

HEADER = "X-Request-ID"
VALID = re.compile(r"[A-Za-z0-9._-]{1,64}")
# A task has at most 2200 characters, each at most 12 bytes of escaped JSON.
MAX_BODY = 64 * 1024
TOO_LARGE = f"A request has at most {MAX_BODY} bytes."
# Probes come every few seconds and say nothing as long as all is well.
QUIET = {"/health", "/ready", "/api/health"}

log = logging.getLogger("todo_api.requests")


class Requests:
    """ASGI middleware around the application."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = Headers(scope=scope).get(HEADER, "")
        token = logs.request_id.set(given if VALID.fullmatch(given) else uuid.uuid4().hex)
        try:
            await _Exchange(self.app, scope, receive, send).run()
        finally:
            logs.request_id.reset(token)


class _Exchange:
    """One request and its answer."""

    def __init__(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        self.app, self.scope, self.receive, self.send = app, scope, receive, send
        self.status = 0
        self.received = 0

    async def run(self) -> None:
        started = time.perf_counter()
        try:
            length = Headers(scope=self.scope).get("content-length", "")
            if length.isdecimal() and int(length) > MAX_BODY:
                await self.last_resort(413, CODES[413], TOO_LARGE)
            else:
                await self.app(self.scope, self.take, self.give)
        except Exception:
            log.exception("a request failed")
            message = "Something went wrong here; the log has more under this request's id."
            await self.last_resort(500, "internal_error", message)
        finally:
            self.report(time.perf_counter() - started)

    async def take(self) -> Message:
        message = await self.receive()
        self.received += len(message.get("body", b""))
        if self.received > MAX_BODY:
            # FastAPI lets its own exception pass where it reads the body, and no other.
            raise HTTPException(413, TOO_LARGE)
        return message

    async def give(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            headers[HEADER] = logs.request_id.get()
            headers["X-Content-Type-Options"] = "nosniff"
            headers["Cache-Control"] = "no-store"
        await self.send(message)

    async def last_resort(self, status: int, code: str, message: str) -> None:
        if not self.status:
            await answer(status, code, message)(self.scope, self.receive, self.give)

    def report(self, seconds: float) -> None:
        path = self.scope["path"]
        if path in QUIET and self.status == 200:
            return
        fields = {
            "method": self.scope["method"],
            "path": path[:500],
            "status": self.status,
            "milliseconds": round(seconds * 1000, 1),
        }
        level = logging.INFO if self.status < 500 else logging.WARNING
        log.log(level, "request", extra={"fields": fields})
