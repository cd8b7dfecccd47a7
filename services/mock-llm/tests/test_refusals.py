"""Requests that are refused."""

import json
from typing import Any

import pytest

from todo_testing.program import Program

USER = {"role": "user", "content": "hi"}
TOOL = {"role": "tool", "content": "x"}


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b"", None),
        (b"{", None),
        (b"[]", None),
        (b"\xff", None),
        (b"[" * 100_000, None),
        ({"messages": [USER]}, "model"),
        ({"model": "m"}, "messages"),
        ({"model": "m", "messages": []}, "messages"),
        ({"model": "m", "messages": "hi"}, "messages"),
        ({"model": "m", "messages": [1]}, "messages[0]"),
        ({"model": "m", "messages": [{"role": "king", "content": "hi"}]}, "messages[0]"),
        ({"model": "m", "messages": [{"role": [], "content": "hi"}]}, "messages[0]"),
        ({"model": "m", "messages": [{"role": "user"}]}, "messages[0].content"),
        ({"model": "m", "messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
        (
            {"model": "m", "messages": [{"role": "tool", "content": "x"}]},
            "messages[0].tool_call_id",
        ),
        ({"model": "m", "messages": [USER], "tools": {}}, "tools"),
        ({"model": "m", "messages": [USER], "tools": [{"type": "function"}]}, "tools[0]"),
        ({"model": "m", "messages": [USER], "stream": "yes"}, "stream"),
        ({"model": "m", "messages": [USER], "stream_options": 5}, "stream_options"),
        ({"model": "m", "messages": [USER], "n": 2}, "n"),
    ],
)
def test_malformed_requests(server: Program, body: Any, param: str | None) -> None:
    status, text = server.ask("/v1/chat/completions", body)
    error = json.loads(text)["error"]
    assert status == 400
    assert set(error) == {"message", "type", "param", "code"}
    assert error["type"] == "invalid_request_error" and error["param"] == param


def test_other_refusals(server: Program) -> None:
    assert server.ask("/v1/chat/completions", b"x" * 5_000_000)[0] == 413
    for path, body, status in (("/none", None, 404), ("/v1/models", b"", 405)):
        found, text = server.ask(path, body)
        assert found == status and json.loads(text)["error"]["type"] == "invalid_request_error"
    assert server.ask("/v1/models", Origin="http://evil.example")[0] == 403
