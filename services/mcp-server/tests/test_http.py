"""The service as other services in the cluster see it."""

import json
import signal
from typing import Any

import pytest

from tests.support import TOKEN, bearer, connected, mcp_server
from todo_testing.program import Program

LISTING = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}


def post(server: Program, body: Any = LISTING, **headers: str) -> tuple[int, str]:
    base = {"Accept": "application/json, text/event-stream"}
    return server.ask("/mcp", body, **(base | bearer() | headers))


@pytest.mark.parametrize(
    "host",
    [
        "mcp-server:8001",
        "mcp-server",
        "mcp-server.todo-chatbot:8001",
        "mcp-server.todo-chatbot.svc.cluster.local:8001",
        "10.244.0.7:8001",
    ],
)
def test_every_name_of_the_cluster_is_answered(server: Program, host: str) -> None:
    status, text = post(server, Host=host)
    assert status == 200, text
    assert "add_task" in text


def test_browsers_are_turned_away(server: Program) -> None:
    for origin in ("http://evil.example", "http://localhost:8001", "null", ""):
        status, text = post(server, Origin=origin)
        assert status == 403 and json.loads(text)["error"]["code"] == "forbidden"


def test_no_session_is_needed(server: Program) -> None:
    # As if another replica had handled the earlier requests.
    call = {"name": "list_tasks", "arguments": {}}
    status, text = post(server, LISTING | {"method": "tools/call", "params": call})
    assert status == 200 and json.loads(text)["result"]["isError"] is False
    assert post(server, **{"Mcp-Session-Id": "of-another-replica"})[0] == 200


NESTED = "[" * 3000 + "]" * 3000
ODD = [
    '{"title": "\\ud800"}',
    '{"\\ud800": 1}',
    "[]",
    "7",
    f'{{"title": {NESTED}}}',
    '{"title": NaN}',
]


@pytest.mark.parametrize("arguments", [*ODD, '{"title": ' + "9" * 5000 + "}"])
def test_arguments_that_no_client_writes(server: Program, arguments: str) -> None:
    call = LISTING | {"method": "tools/call", "params": {"name": "add_task", "arguments": "HERE"}}
    status, text = post(server, json.dumps(call).replace('"HERE"', arguments).encode())
    found = json.loads(text)
    assert status in (200, 400) and ("error" in found or found["result"]["isError"])
    assert "Traceback" not in text and len(text) < 1000
    assert post(server)[0] == 200


def test_requests_that_make_no_sense(server: Program) -> None:
    for body in (b"", b"{", b"[]", b"\xff"):
        assert 400 <= post(server, body)[0] < 500
    assert post(server, b"x" * 100_000)[0] == 413
    # Clients without a token do not learn which paths exist.
    assert server.status("/none") == server.status("/mcp") == 401
    assert server.status("/health") == 200


async def test_it_ends_when_it_is_told_to(api: Program) -> None:
    env = {"INTERNAL_API_TOKEN": TOKEN, "BACKEND_URL": api.url}
    for number in (signal.SIGTERM, signal.SIGINT):
        with mcp_server(**env) as running:
            running.until("/health")
            async with connected(running.url) as tools:
                await tools.titles()
                lines = running.end(number)
            assert running.process.returncode == 0
        messages = [line["message"] for line in lines]
        assert messages[0] == "started" and messages[-1] == "stopped"
        (tool,) = [line for line in lines if line["message"] == "tool"]
        assert (tool["tool"], tool["failed"]) == ("list_tasks", False)
        assert tool["request_id"] and tool["milliseconds"] > 0
        assert {"time", "level", "message"} <= set(tool)
        assert not any(line.get("path") == "/health" for line in lines if "status" in line)


def test_settings_that_cannot_be_used_are_named() -> None:
    with mcp_server(BACKEND_URL="backend:8000", LOG_LEVEL="loud") as running:
        output = running.output()
        assert running.process.returncode == 2
    problems = json.loads(output)["problems"]
    assert [problem.split()[0] for problem in problems] == [
        "INTERNAL_API_TOKEN",
        "BACKEND_URL",
        "LOG_LEVEL",
    ]
    assert all("help: " in problem for problem in problems)


def test_a_taken_port_is_told(server: Program) -> None:
    env = {"INTERNAL_API_TOKEN": TOKEN, "PORT": str(server.port)}
    with mcp_server(**env) as running:
        output = running.output()
        assert running.process.returncode not in (0, None)
    assert "address already in use" in output
