"""Middleware for all requests: request IDs, log lines, and a response to unexpected errors."""

import logging
import re
import time
import uuid
from collections.abc import Callable, Collection, Mapping

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from todo_common import logs

HEADER = "X-Request-ID"
VALID = re.compile(r"[A-Za-z0-9._-]{1,64}")

# Makes an error response from a status, a code and a sentence.
Refuse = Callable[[int, str, str], Response]


class Requests:
    """ASGI middleware. It must be the outermost one."""

    def __init__(
        self,
        app: ASGIApp,
        refuse: Refuse,
        browsers: bool = False,
        quiet: Collection[str] = ("/health",),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.app, self.refuse, self.browsers = app, refuse, browsers
        self.quiet, self.headers = quiet, headers or {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        given = headers.get(HEADER, "")
        before = logs.request_id.set(given if VALID.fullmatch(given) else uuid.uuid4().hex)
        started, status = time.perf_counter(), 0

        async def respond(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                sent = MutableHeaders(scope=message)
                sent.update({HEADER: logs.request_id.get(), **self.headers})
            await send(message)

        try:
            if not self.browsers and "origin" in headers:
                # The host names under which a cluster reaches a service are not known, so the
                # Host header cannot be verified. Only browsers send an Origin: refusing it
                # protects a forwarded port against DNS rebinding.
                refusal = self.refuse(403, "forbidden", "This service does not serve browsers.")
                await refusal(scope, receive, respond)
            else:
                await self.app(scope, receive, respond)
        except Exception:
            logs.log.exception("a request failed")
            if not status:
                message = "An internal error occurred; the log has details for this request ID."
                await self.refuse(500, "internal_error", message)(scope, receive, respond)
        finally:
            # Probes arrive every few seconds; only their failures are logged.
            if scope["path"] not in self.quiet or status != 200:
                # A handler may set the cause of its answer.
                cause = {"cause": scope["cause"]} if "cause" in scope else {}
                logs.record(
                    logging.WARNING if status >= 500 else logging.INFO,
                    "request",
                    **cause,
                    method=scope["method"],
                    path=scope["path"][:500],
                    status=status,
                    milliseconds=round((time.perf_counter() - started) * 1000, 1),
                )
            logs.request_id.reset(before)
