"""Identifies the user of a request, by a signed token of the backend.

The user is never an argument of a tool: the model must not choose whose tasks it sees.
"""

import warnings
from contextvars import ContextVar

import jwt
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from todo_common import logs

ISSUER, AUDIENCE, ALGORITHM = "todo-backend", "todo-tools", "HS256"
# The maximum lifetime of a token, and the accepted difference between clocks.
LIFETIME_S, LEEWAY_S = 120, 5
# All errors of reading a token, including deeply nested JSON and very large numbers.
INVALID_TOKEN = (jwt.PyJWTError, ValueError, TypeError, RecursionError, OverflowError)

# The token of the current request, which is passed on to the backend and verified there again.
token: ContextVar[str] = ContextVar("token", default="")

# The user chooses the length of INTERNAL_API_TOKEN; do not warn at every request.
warnings.filterwarnings("ignore", category=jwt.InsecureKeyLengthWarning)


def proven(authorization: str, secret: str) -> str | None:
    """The token in this header; None if there is no valid one."""
    kind, _, given = authorization.partition(" ")
    if kind.lower() != "bearer" or not secret:
        return None
    try:
        claims = jwt.decode(
            given,
            secret,
            algorithms=[ALGORITHM],
            issuer=ISSUER,
            audience=AUDIENCE,
            leeway=LEEWAY_S,
            options={"require": ["iss", "aud", "sub", "iat", "exp"]},
        )
    except INVALID_TOKEN:
        return None
    short = float(claims["exp"]) - float(claims["iat"]) <= LIFETIME_S
    return given if short and claims["sub"] else None


class Identified:
    """ASGI middleware that requires a token, except for the health endpoint."""

    def __init__(self, app: ASGIApp, secret: str) -> None:
        self.app, self.secret = app, secret

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] == "/health":
            await self.app(scope, receive, send)
            return
        given = proven(Headers(scope=scope).get("authorization", ""), self.secret)
        if given is None:
            answer = refuse(401, "unauthenticated", "The tools require a token of the backend.")
            answer.headers["WWW-Authenticate"] = "Bearer"
            await answer(scope, receive, send)
            return
        before = token.set(given)
        try:
            await self.app(scope, receive, send)
        finally:
            token.reset(before)


def refuse(status: int, code: str, message: str) -> JSONResponse:
    """An error response."""
    body = {"error": {"code": code, "message": message}, "request_id": logs.request_id.get()}
    return JSONResponse(body, status)
