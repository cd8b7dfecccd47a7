"""The program as it runs in a container: started, used, stopped."""

import contextlib
import http.client
import json
import signal
import time
from pathlib import Path

import pytest

from tests.servers import Postgres, RedisServer
from todo_testing.program import Program, free_port, running


def program(**env: str) -> contextlib.AbstractContextManager[Program]:
    return running("backend", "todo_api", **env)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_when_it_is_told_to(tmp_path: Path, number: signal.Signals) -> None:
    with program(DATABASE_URL=f"sqlite:///{tmp_path}/x.db") as service:
        service.until("/ready", 200)
        service.status("/api/tasks")
        lines = service.end(number)
        assert service.process.returncode == 0
    messages = [line["message"] for line in lines]
    assert messages[0] == "started" and messages[-1] == "stopped"
    # One line per request; uvicorn adds none.
    asked = [line for line in lines if line.get("path") == "/api/tasks"]
    assert len(asked) == 1
    assert {"time", "level", "message", "request_id", "status"} <= set(asked[0])
    assert not any("uvicorn" in line["logger"] for line in lines)


def test_it_ends_while_it_waits_for_the_database() -> None:
    url = f"postgresql://todo:pass-canary@127.0.0.1:{free_port()}/todo"
    with program(DATABASE_URL=url, INTERNAL_API_TOKEN="token-canary") as service:
        service.until("/health", 200)
        assert service.status("/ready") == 503
        time.sleep(1)
        lines = service.end()
        assert service.process.returncode == 0
    assert "canary" not in json.dumps(lines)
    # The same cause is logged once, regardless of the number of tries.
    waiting = [line for line in lines if line["message"].startswith("waiting for the database")]
    assert len(waiting) == 1 and "Connect" in waiting[0]["cause"]


def test_a_kept_connection_does_not_hold_up_the_end(tmp_path: Path) -> None:
    with program(DATABASE_URL=f"sqlite:///{tmp_path}/x.db") as service:
        service.until("/ready", 200)
        connection = http.client.HTTPConnection("127.0.0.1", service.port)
        connection.request("GET", "/health")
        connection.getresponse().read()
        lines = service.end()
        # uvicorn logs an error if it waits for connections until the timeout.
        assert [line for line in lines if line["level"] != "info"] == []
        connection.close()


def test_settings_that_cannot_be_used_are_named() -> None:
    with program(DATABASE_URL="mysql://u:canary@db/x", LOG_LEVEL="loud") as service:
        output = service.output()
        assert service.process.returncode == 2
    line = json.loads(output)
    assert [problem.split()[0] for problem in line["problems"]] == ["DATABASE_URL", "LOG_LEVEL"]
    assert "canary" not in output


@pytest.mark.parametrize("size", [70_000, 5_000_000])
def test_a_large_body_is_answered(tmp_path: Path, size: int) -> None:
    headers = {"Content-Type": "application/json"}
    with program(DATABASE_URL=f"sqlite:///{tmp_path}/x.db") as service:
        service.until("/ready", 200)
        connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=10)
        for _ in range(3):
            connection.request("POST", "/api/tasks", b"x" * size, headers)
            answer = connection.getresponse()
            assert answer.status == 413 and b"too_large" in answer.read()
        connection.close()
        assert service.status("/api/tasks") == 200


@pytest.mark.parametrize("database", ["postgres", "sqlite"])
def test_no_secret_in_a_log_of_any_level(
    request: pytest.FixtureRequest, tmp_path: Path, redis_server: RedisServer, database: str
) -> None:
    url = f"sqlite:///{tmp_path}/x.db"
    if database == "postgres":
        url = request.getfixturevalue("postgres").fresh()
    closed = f"http://127.0.0.1:{free_port()}"
    env = {
        "DATABASE_URL": url,
        "REDIS_URL": redis_server.url,
        "INTERNAL_API_TOKEN": "token-canary",
        "MCP_SERVER_URL": f"{closed}/mcp",
        "LLM_BASE_URL": f"{closed}/v1",
        "LLM_MODEL": "x",
        "LLM_API_KEY": "key-canary",
        "LOG_LEVEL": "DEBUG",
    }
    headers = {"Content-Type": "application/json", "Authorization": "Bearer eyJ-canary"}
    with program(**env) as service:
        service.until("/ready", 200)
        body = json.dumps({"title": "title-canary", "description": "text-canary"}).encode()
        assert service.status("/api/tasks", data=body, **headers) == 201
        for _ in range(2):
            assert service.status("/api/tasks?token=eyJ-canary", **headers) == 200
        body = json.dumps({"message": "message-canary"}).encode()
        assert service.status("/api/chat", data=body, **headers) == 200
        assert service.status("/api/chat/messages") == 200
        assert service.status("/internal/tasks", **headers) == 401
        output = json.dumps(service.end())
    assert "tools_unavailable" in output and "canary" not in output


def test_two_replicas_on_one_empty_database(postgres: Postgres) -> None:
    url = postgres.fresh()
    with program(DATABASE_URL=url) as one, program(DATABASE_URL=url) as other:
        one.until("/ready", 200)
        other.until("/ready", 200)
        body = json.dumps({"title": "x"}).encode()
        headers = {"Content-Type": "application/json"}
        assert one.status("/api/tasks", data=body, **headers) == 201
        assert other.status("/api/tasks/1") == 200
        for service in (one, other):
            assert not any(line["level"] == "error" for line in service.end())
    assert postgres.sql("SELECT count(*) FROM tasks", url.rsplit("/", 1)[1]) == "1"
