"""The HTTP endpoints, with errors in the format of OpenAI."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from mock_llm import completion, planner, wire
from todo_common import logs
from todo_common.requests import Requests
from todo_common.settings import ProcessSettings

# Much more than a conversation of 20 messages with the longest possible list.
MAX_BODY = 4 * 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Settings(ProcessSettings):
    """The settings of one process."""

    port: int = 8002


async def complete(request: Request) -> Response:
    """POST /v1/chat/completions"""
    try:
        asked = wire.read(await _body(request))
    except wire.BadRequest as problem:
        message, param = problem.args
        return _error(400, message, param=param)
    answer = planner.answer(asked)
    calls = [answer.call.name] if answer.call else []
    logs.info("answer", calls=calls, characters=len(answer.text))
    if not asked.stream:
        # ASCII only, as in the stream.
        content = json.dumps(completion.whole(asked, answer)).encode()
        return Response(content, media_type="application/json")
    headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
    return StreamingResponse(_events(asked, answer), 200, headers, "text/event-stream")


async def _body(request: Request) -> bytes:
    content = bytearray()
    try:
        async for part in request.stream():
            content += part
            if len(content) > MAX_BODY:
                raise HTTPException(413, "The request is too large.")
    except ClientDisconnect:
        raise HTTPException(400, "The client closed the connection.") from None
    return bytes(content)


async def _events(asked: wire.Request, answer: completion.Answer) -> AsyncIterator[bytes]:
    for chunk in completion.chunks(asked, answer):
        # ASCII only: the name of the model may contain half of a surrogate pair.
        yield b"data: " + json.dumps(chunk).encode() + b"\n\n"
    yield b"data: [DONE]\n\n"


async def models(_: Request) -> Response:
    """GET /v1/models"""
    return JSONResponse(completion.models())


async def health(_: Request) -> Response:
    """The process responds; it depends on nothing else."""
    return JSONResponse({"status": "ok"})


def failed(_: Request, problem: Exception) -> Response:
    """Errors of the framework: unknown paths and methods, and bodies that are too large."""
    assert isinstance(problem, HTTPException)
    response = _error(problem.status_code, problem.detail)
    response.headers.update(problem.headers or {})
    return response


def _error(status: int, message: str, **more: str | None) -> Response:
    """An error in the format of OpenAI's API."""
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": None}
    return JSONResponse({"error": error | more}, status)


def create_app(_: Settings) -> Starlette:
    return Starlette(
        routes=[
            Route("/v1/chat/completions", complete, methods=["POST"]),
            Route("/v1/models", models, methods=["GET"]),
            Route("/health", health, methods=["GET"]),
        ],
        middleware=[Middleware(Requests, refuse=lambda s, c, m: _error(s, m, type=c, code=c))],
        exception_handlers={HTTPException: failed},
    )
