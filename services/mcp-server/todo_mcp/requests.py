"""What happens around every HTTP request: its id, its log line, and who is turned away."""

import logging
import re
import time
import uuid

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from todo_mcp import logs
from todo_mcp.identity import proven, token

HEADER = "X-Request-ID"
VALID = re.compile(r"[A-Za-z0-9._-]{1,64}")

log = logging.getLogger("todo_mcp.requests")


class Requests:
    """ASGI middleware around the application."""

    def __init__(self, app: ASGIApp, secret: str) -> None:
        self.app = app
        self.secret = secret

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        given = headers.get(HEADER, "")
        before = logs.request_id.set(given if VALID.fullmatch(given) else uuid.uuid4().hex)
        started, status = time.perf_counter(), 0

        async def give(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[HEADER] = logs.request_id.get()
            await send(message)

        try:
            # The names under which a cluster reaches this service cannot be listed, so the Host
            # header proves nothing. But only browsers send an Origin, and none has business
            # here: this keeps a page from reaching a forwarded port by DNS rebinding.
            if "origin" in headers:
                await _error(403, "forbidden", "This service is not for browsers.")(
                    scope, receive, give
                )
            else:
                await self.identified(scope, receive, give)
        except Exception:
            log.exception("a request failed")
            if not status:
                await _error(500, "internal_error", "Something went wrong here.")(
                    scope, receive, give
                )
        finally:
            # Probes come every few seconds and say nothing as long as all is well.
            if scope["path"] != "/health" or status != 200:
                fields = {
                    "method": scope["method"],
                    "path": scope["path"][:500],
                    "status": status,
                    "milliseconds": round((time.perf_counter() - started) * 1000, 1),
                }
                log.info("request", extra={"fields": fields})
            logs.request_id.reset(before)

    async def identified(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Lets in who brings a token; only whether the process lives is for everybody."""
        if scope["path"] == "/health":
            await self.app(scope, receive, send)
            return
        given = proven(Headers(scope=scope).get("authorization", ""), self.secret)
        if given is None:
            message = "The tools want a token of the backend."
            answer = _error(401, "unauthenticated", message)
            answer.headers["WWW-Authenticate"] = "Bearer"
            await answer(scope, receive, send)
            return
        known = token.set(given)
        try:
            await self.app(scope, receive, send)
        finally:
            token.reset(known)


def _error(status: int, code: str, message: str) -> JSONResponse:
    body = {"error": {"code": code, "message": message}, "request_id": logs.request_id.get()}
    return JSONResponse(body, status)
