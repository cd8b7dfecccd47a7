"""Request IDs, log lines, headers, and unexpected errors."""

import io
import json
import logging
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Start
from tests.support import TOKEN, App, refused
from todo_common import logs


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """These tests do not depend on the database."""
    return f"sqlite:///{tmp_path}/todo.db"


@pytest.fixture
def lines() -> Any:
    """Returns the log lines since the last call."""
    stream = io.StringIO()
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    logs.configure("INFO", ["pass-canary", 'quo"ted', TOKEN], stream)

    def read() -> list[dict[str, Any]]:
        text = stream.getvalue()
        stream.seek(0)
        stream.truncate()
        found = [json.loads(line) for line in text.splitlines()]
        # Without the lines of the client of the test.
        return [line for line in found if line["logger"] != "httpx2"]

    yield read
    root.handlers[:] = before
    root.setLevel(level)


async def test_a_line_for_each_request(lines: Any, app: App) -> None:
    lines()
    headers = {"X-Request-ID": "abc-1"}
    await app.client.get("/api/tasks/7?secret=canary", headers=headers)
    (line,) = lines()
    assert line.pop("time").endswith("Z")
    assert line.pop("milliseconds") >= 0
    assert line == {
        "level": "info",
        "message": "request",
        "logger": "todo",
        "request_id": "abc-1",
        "method": "GET",
        "path": "/api/tasks/7",
        "status": 404,
    }


async def test_probes_that_succeed_say_nothing(lines: Any, app: App) -> None:
    lines()
    for path in ("/health", "/ready", "/api/health"):
        assert (await app.client.get(path)).status_code == 200
    assert lines() == []


@pytest.mark.parametrize("given", ["abc", "A.b_c-9", "x" * 64])
async def test_ids_of_requests_are_kept(app: App, given: str) -> None:
    answer = await app.client.get("/api/none", headers={"X-Request-ID": given})
    assert answer.headers["X-Request-ID"] == answer.json()["request_id"] == given


@pytest.mark.parametrize("given", ["", "a b", 'a"b', "x" * 65, "ä", "a\tb", "<b>"])
async def test_ids_that_are_none_are_replaced(app: App, given: str) -> None:
    headers = [(b"X-Request-ID", given.encode())]
    answer = await app.client.get("/api/none", headers=headers)
    found = answer.headers["X-Request-ID"]
    assert found == answer.json()["request_id"] != given
    assert len(found) == 32


async def test_an_unforeseen_error_is_told_to_the_log_only(
    lines: Any, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError(f'canary {TOKEN} quo"ted')

    monkeypatch.setattr(app.parts.tasks, "all", broken)
    lines()
    answer = await app.client.get("/api/tasks")
    message = refused(answer, 500, "internal_error")
    assert "canary" not in answer.text and "Traceback" not in message
    told, request = lines()
    assert told["level"] == "error" and "RuntimeError: canary" in told["exception"]
    assert TOKEN not in json.dumps(told) and 'quo"ted' not in told["exception"]
    assert told["request_id"] == request["request_id"] == answer.json()["request_id"]
    assert request["status"] == 500 and request["level"] == "warning"


async def test_what_users_write_is_in_no_line(lines: Any, app: App) -> None:
    await app.add("user-canary")
    await app.client.get("/api/tasks", headers={"Authorization": "Bearer user-canary"})
    await app.client.post("/api/tasks", json={"title": "user-canary\x00"})
    assert "user-canary" not in json.dumps(lines())


async def test_headers(app: App) -> None:
    answer = await app.client.get("/api/tasks")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "server" not in answer.headers


async def test_other_origins(start: Start, tmp_path: Any) -> None:
    url = f"sqlite:///{tmp_path}/x.db"
    asked = {"Origin": "http://a", "Access-Control-Request-Method": "PATCH"}
    async with start(DATABASE_URL=url) as app:
        for method in ("GET", "OPTIONS"):
            answer = await app.client.request(method, "/api/tasks", headers=asked)
            assert "access-control-allow-origin" not in answer.headers
    async with start(DATABASE_URL=url, CORS_ORIGINS="http://a") as app:
        answer = await app.client.options("/api/tasks/1", headers=asked)
        assert answer.headers["access-control-allow-origin"] == "http://a"
        assert "PATCH" in answer.headers["access-control-allow-methods"]
        assert answer.headers["X-Request-ID"]
        answer = await app.client.get("/api/tasks", headers={"Origin": "http://b"})
        assert "access-control-allow-origin" not in answer.headers


async def test_the_description_of_the_api_outside_production(start: Start, tmp_path: Any) -> None:
    url = f"sqlite:///{tmp_path}/x.db"
    for environment, page in (("development", 200), ("staging", 404)):
        async with start(DATABASE_URL=url, ENVIRONMENT=environment) as app:
            assert "/api/tasks" in (await app.client.get("/api/openapi.json")).json()["paths"]
            assert (await app.client.get("/api/docs")).status_code == page
