"""Refuses requests that are too large, before and while they are read."""

from fastapi import HTTPException
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from todo_api.errors import CODES, answer

# A task has at most 2200 characters, each of which takes at most 12 bytes in escaped JSON.
MAX_BODY = 64 * 1024
TOO_LARGE = f"A request has at most {MAX_BODY} bytes."


class BodyLimit:
    """ASGI middleware around the application."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        received = 0

        async def limited() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > MAX_BODY:
                # FastAPI handles its own exception where it reads the body, and no other.
                raise HTTPException(413, TOO_LARGE)
            return message

        length = Headers(scope=scope).get("content-length", "")
        if length.isdecimal() and int(length) > MAX_BODY:
            await answer(413, CODES[413], TOO_LARGE)(scope, receive, send)
        else:
            await self.app(scope, limited, send)
