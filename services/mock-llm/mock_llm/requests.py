"""What happens around every HTTP request: its id, its log line, and browsers being turned away."""

import logging
import re
import time
import uuid

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mock_llm import logs

HEADER = "X-Request-ID"
VALID = re.compile(r"[A-Za-z0-9._-]{1,64}")

log = logging.getLogger("mock_llm.requests")


class Requests:
    """ASGI middleware around the application."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        given = headers.get(HEADER, "")
        token = logs.request_id.set(given if VALID.fullmatch(given) else uuid.uuid4().hex)
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
                await _refusal()(scope, receive, give)
            else:
                await self.app(scope, receive, give)
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
            logs.request_id.reset(token)


def _refusal() -> JSONResponse:
    return _error(403, "forbidden", "This service is not for browsers.")


def _error(status: int, code: str, message: str) -> JSONResponse:
    body = {"error": {"message": message, "type": code, "param": None, "code": code}}
    return JSONResponse(body, status)
