"""What every service gets from the shared package."""

import io
import json
import logging
from typing import Any

import pytest
from starlette.responses import JSONResponse, Response
from starlette.types import Message, Receive, Scope, Send

from todo_common import logs
from todo_common.requests import HEADER, Requests
from todo_common.settings import ProcessSettings, SettingsError, is_http


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def refuse(status: int, code: str, message: str) -> Response:
    return JSONResponse({"code": code, "message": message}, status)


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["path"] == "/broken":
        raise RuntimeError("the secret is hunter2")
    await Response("fine")(scope, receive, send)


async def ask(path: str, **headers: str) -> tuple[int, dict[str, str], list[dict[str, Any]]]:
    """The status, the headers and the log lines of a request."""
    stream, sent = io.StringIO(), list[Message]()
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    logs.configure("INFO", ["hunter2"], stream)

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        sent.append(message)

    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": "GET", "path": path, "headers": raw}
    try:
        await Requests(application, refuse, headers={"X-More": "yes"})(scope, receive, send)
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
    got = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], got, [json.loads(line) for line in stream.getvalue().splitlines()]


async def test_a_request_has_an_id_and_a_log_line() -> None:
    status, headers, (line,) = await ask("/tasks", x_request_id="abc-1")
    assert status == 200 and headers["x-more"] == "yes"
    assert headers[HEADER.lower()] == line["request_id"] == "abc-1"
    assert (line["message"], line["path"], line["status"]) == ("request", "/tasks", 200)
    assert (await ask("/health"))[2] == []
    assert len((await ask("/tasks", x_request_id="a b"))[1][HEADER.lower()]) == 32


async def test_an_unexpected_error_is_logged_without_secrets() -> None:
    status, _, (told, request) = await ask("/broken")
    assert status == request["status"] == 500 and request["level"] == "warning"
    assert "RuntimeError" in told["exception"] and "hunter2" not in json.dumps(told)


async def test_requests_of_browsers_are_refused() -> None:
    for origin in ("http://evil.example", "null", ""):
        assert (await ask("/tasks", origin=origin))[0] == 403


def test_settings() -> None:
    read = ProcessSettings.of({"LOG_LEVEL": "warn", "PORT": "81", "HOST": " "})
    assert (read.log_level, read.port, read.host) == ("WARNING", 81, "0.0.0.0")
    with pytest.raises(SettingsError) as caught:
        ProcessSettings.of({"LOG_LEVEL": "loud", "PORT": "65536"})
    assert [problem.split()[0] for problem in caught.value.problems] == ["LOG_LEVEL", "PORT"]


def test_urls() -> None:
    for url in ("http://a", "https://a:1/b"):
        assert is_http(url)
    for url in ("", "a:1", "ftp://a", "http://", "http://a:0", "http://u:p@a", "http://a:b"):
        assert not is_http(url)
