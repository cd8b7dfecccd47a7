"""For whom a tool works. The only place that knows: the backend says it in a signed token.

It is never an argument of a tool: what a model writes must not choose whose tasks it sees.
"""

import warnings
from contextvars import ContextVar

import jwt
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from todo_common import logs

ISSUER, AUDIENCE, ALGORITHM = "todo-backend", "todo-tools", "HS256"
# Seconds: the longest life of a token, and what clocks may differ by.
LIFETIME, LEEWAY = 120, 5
# What reading a token can end with: strangers may nest JSON too deep, or write endless numbers.
NONSENSE = (jwt.PyJWTError, ValueError, TypeError, RecursionError, OverflowError)

# The token of the request that is being answered; the backend gets the same one and checks it too.
token: ContextVar[str] = ContextVar("token", default="")

# The length of INTERNAL_API_TOKEN is its owner's choice, and not news at every request.
warnings.filterwarnings("ignore", category=jwt.InsecureKeyLengthWarning)


def proven(authorization: str, secret: str) -> str | None:
    """The token in this header, None if there is none that proves anything."""
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
            leeway=LEEWAY,
            options={"require": ["iss", "aud", "sub", "iat", "exp"]},
        )
    except NONSENSE:
        return None
    short = float(claims["exp"]) - float(claims["iat"]) <= LIFETIME
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
