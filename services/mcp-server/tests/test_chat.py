"""The chat of the backend with these tools, each time for the user who asks."""

import contextlib
import http.server
import json
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.support import TOKEN, backend, mcp_server
from tests.test_http import LISTING, post
from todo_testing.program import Program, free_port, running


class Model(http.server.BaseHTTPRequestHandler):
    """A model that adds a task, lists the tasks, and repeats the list."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        turn = [each for each in body["messages"] if each["role"] == "tool"]
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        title = body["messages"][-1 - 2 * len(turn)]["content"]
        if len(turn) == 0:
            delta = self.call("add_task", {"title": title})
        elif len(turn) == 1:
            delta = self.call("list_tasks", {"status": "all"})
        else:
            delta = {"content": turn[-1]["content"]}
        for data in (json.dumps({"choices": [{"delta": delta}]}), "[DONE]"):
            self.wfile.write(f"data: {data}\n\n".encode())

    def call(self, name: str, arguments: dict[str, str]) -> dict[str, Any]:
        function = {"name": name, "arguments": json.dumps(arguments)}
        return {"tool_calls": [{"index": 0, "id": name, "function": function}]}

    def log_message(self, *_: Any) -> None:
        pass


@contextlib.contextmanager
def model() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Model)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        server.server_close()


def ask(api: Program, message: str) -> str:
    return api.ask("/api/chat", {"message": message})[1]


def test_a_question_goes_all_the_way(tmp_path: Path) -> None:
    port = free_port()
    level = {"INTERNAL_API_TOKEN": TOKEN, "LOG_LEVEL": "DEBUG"}
    lines = []
    with model() as url:
        env = {
            "DATABASE_URL": f"sqlite:///{tmp_path}/x.db",
            "MCP_SERVER_URL": f"http://127.0.0.1:{port}/mcp",
            "LLM_BASE_URL": url,
            "LLM_MODEL": "x",
            "LLM_API_KEY": "key-canary",
        }
        with running("backend", "todo_api", **env, **level) as api:
            api.until("/ready")
            # The tools are not available yet. When they are, nothing has to be restarted.
            assert "tools_unavailable" in ask(api, "too early")
            # After a kill and after a clean stop, the new process is found.
            for number in (signal.SIGKILL, signal.SIGTERM):
                more = {"BACKEND_URL": api.url, "PORT": str(port)}
                with mcp_server(**more, **level) as tools:
                    tools.until("/health")
                    events = ask(api, f"canary milk {number}")
                    assert events.count("event: tool_result") == 2 == events.count('"ok": true')
                    said = events.rpartition("event: delta")[2]
                    assert "event: done" in said and f"canary milk {number}" in said
                    lines += tools.end(number)
                assert "tools_unavailable" in ask(api, "too late")
            lines += api.end()
    # No secret, no token and no text of a user is logged at any level.
    assert TOKEN not in str(lines) and "canary" not in str(lines) and "eyJ" not in str(lines)
    ids = {line["request_id"] for line in lines if line.get("tool")}
    # One request ID from the question to the task.
    assert len(ids) == 2
    for each in ids:
        paths = [line.get("path") for line in lines if line.get("request_id") == each]
        assert {"/api/chat", "/mcp", "/internal/tasks"} <= set(paths)


def test_the_backend_dies_and_comes_back(tmp_path: Path) -> None:
    port = free_port()
    database, listing = tmp_path / "x.db", LISTING | {"method": "tools/call"}
    more = {"INTERNAL_API_TOKEN": TOKEN, "BACKEND_URL": f"http://127.0.0.1:{port}"}
    with mcp_server(**more) as tools:
        tools.until("/health")

        def call(name: str, **arguments: str) -> str:
            params = {"name": name, "arguments": arguments}
            status, text = post(tools, listing | {"params": params})
            assert status == 200 and "Traceback" not in text
            return text

        assert "cannot be reached" in call("add_task", title="too early")
        for number in range(2):
            with backend(database, PORT=str(port)) as api:
                assert f"kept {number}" in call("add_task", title=f"kept {number}")
                assert "kept 0" in call("list_tasks")
                api.end(signal.SIGKILL)
            assert "cannot be reached. Nothing was changed" in call("add_task", title="lost")
            # The service stays healthy: restarting it would not fix the backend.
            assert tools.status("/health") == 200
