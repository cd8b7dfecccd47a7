"""The web application: three addresses, and errors in OpenAI's form."""

import json
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from mock_llm import completion, logs, planner, wire
from mock_llm.requests import Requests
from mock_llm.settings import Settings

# A conversation of 20 messages with the longest list there is stays far below.
MAX_BODY = 4 * 1024 * 1024


async def complete(request: Request) -> Response:
    """POST /v1/chat/completions"""
    try:
        asked = wire.read(await _body(request))
    except wire.BadRequest as problem:
        return JSONResponse(problem.body(), 400)
    answer = planner.answer(asked)
    logs.info("answer", calls=[call.name for call in answer.calls], characters=len(answer.text))
    if not asked.stream:
        # Escaped, as below.
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
        raise HTTPException(400, "The request broke off.") from None
    return bytes(content)


async def _events(asked: wire.Request, answer: completion.Answer) -> AsyncIterator[bytes]:
    for chunk in completion.chunks(asked, answer):
        # Escaped: text that came as a lone half of a surrogate pair could not be encoded.
        yield b"data: " + json.dumps(chunk).encode() + b"\n\n"
    yield b"data: [DONE]\n\n"


async def models(_: Request) -> Response:
    """GET /v1/models"""
    return JSONResponse(completion.models())


async def health(_: Request) -> Response:
    """The process answers; it needs nothing else."""
    return JSONResponse({"status": "ok"})


def failed(_: Request, problem: Exception) -> Response:
    """What the framework refuses: unknown addresses, methods and bodies."""
    assert isinstance(problem, HTTPException)
    body = wire.error(problem.detail, "invalid_request_error")
    return JSONResponse(body, problem.status_code, problem.headers)


def create_app(settings: Settings) -> Starlette:
    app = Starlette(
        routes=[
            Route("/v1/chat/completions", complete, methods=["POST"]),
            Route("/v1/models", models, methods=["GET"]),
            Route("/health", health, methods=["GET"]),
        ],
        middleware=[Middleware(Requests)],
        exception_handlers={HTTPException: failed},
    )
    logs.info("started", environment=settings.environment, port=settings.port)
    return app
