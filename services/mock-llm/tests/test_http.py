"""The service as its clients see it: OpenAI's format, errors, and the process."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from tests.support import NAMES, tools

HERE = Path(__file__).parents[1]
ASKED = {
    "model": "mock-todo",
    "messages": [{"role": "user", "content": "add “Grüße 🎉” and milk"}],
    "tools": tools(*NAMES),
}


class Program:
    """The process, and a client of it."""

    def __init__(self, **env: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = env.get("PORT") or str(probe.getsockname()[1])
        self.port, self.url = port, f"http://127.0.0.1:{port}"
        base = {"PATH": os.environ["PATH"], "HOST": "127.0.0.1", "PORT": port}
        self.process = subprocess.Popen(
            [sys.executable, "-B", "-m", "mock_llm"],
            cwd=HERE,
            env=base | env,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, path: str, body: Any = None, **headers: str) -> tuple[int, str]:
        content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        try:
            with urlopen(Request(self.url + path, content, headers), timeout=10) as answer:
                return answer.status, answer.read().decode()
        except HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def until_healthy(self) -> None:
        deadline = time.monotonic() + 20
        while self.ask("/health")[0] != 200:
            assert time.monotonic() < deadline and self.process.poll() is None
            time.sleep(0.05)


@contextlib.contextmanager
def running(**env: str) -> Iterator[Program]:
    program = Program(**env)
    try:
        yield program
    finally:
        if program.process.poll() is None:
            program.process.kill()
        program.process.communicate()


@pytest.fixture(scope="module")
def server() -> Iterator[Program]:
    with running() as program:
        program.until_healthy()
        yield program


def test_health_and_models(server: Program) -> None:
    assert json.loads(server.ask("/health")[1]) == {"status": "ok"}
    listed = json.loads(server.ask("/v1/models")[1])
    assert listed["object"] == "list" and [one["id"] for one in listed["data"]] == ["mock-todo"]


def test_a_completion(server: Program) -> None:
    status, text = server.ask("/v1/chat/completions", ASKED)
    made = json.loads(text)
    assert status == 200 and made["object"] == "chat.completion"
    (choice,) = made["choices"]
    assert choice["finish_reason"] == "tool_calls" and choice["message"]["content"] is None
    calls = choice["message"]["tool_calls"]
    titles = [json.loads(call["function"]["arguments"])["title"] for call in calls]
    assert titles == ["Grüße 🎉", "milk"]
    assert len({call["id"] for call in calls}) == 2
    usage = made["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    assert server.ask("/v1/chat/completions", ASKED)[1] == text


def streamed(server: Program, body: dict[str, Any]) -> list[dict[str, Any]]:
    status, text = server.ask("/v1/chat/completions", body | {"stream": True})
    assert status == 200
    lines = text.split("\n\n")
    assert lines[-2:] == ["data: [DONE]", ""]
    return [json.loads(line.removeprefix("data: ")) for line in lines[:-2]]


def test_a_stream_of_calls_says_the_same(server: Program) -> None:
    chunks = streamed(server, ASKED)
    whole = json.loads(server.ask("/v1/chat/completions", ASKED)[1])
    assert {chunk["id"] for chunk in chunks} == {whole["id"]}
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
    assert chunks[0]["choices"][0]["delta"]["role"] == "assistant"
    assert chunks[-1]["choices"][0] | {"logprobs": None} == {
        "index": 0,
        "delta": {},
        "logprobs": None,
        "finish_reason": "tool_calls",
    }
    made: dict[int, dict[str, Any]] = {}
    for chunk in chunks:
        for delta in chunk["choices"][0]["delta"].get("tool_calls", []):
            if "id" in delta:
                made[delta["index"]] = {k: v for k, v in delta.items() if k != "index"}
            else:
                made[delta["index"]]["function"]["arguments"] += delta["function"]["arguments"]
    assert list(made.values()) == whole["choices"][0]["message"]["tool_calls"]


def test_a_stream_of_text_with_usage(server: Program) -> None:
    asked = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}
    whole = json.loads(server.ask("/v1/chat/completions", asked)[1])
    chunks = streamed(server, asked | {"stream_options": {"include_usage": True}})
    assert chunks[-1]["choices"] == [] and chunks[-1]["usage"] == whole["usage"]
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks[:-1]]
    text = "".join(delta.get("content") or "" for delta in deltas)
    assert text == whole["choices"][0]["message"]["content"]
    assert chunks[-2]["choices"][0]["finish_reason"] == "stop"


USER = {"role": "user", "content": "hi"}


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
    for path, body, status in (("/none", None, 404), ("/v1/chat/completions", None, 405)):
        found, text = server.ask(path, body)
        assert found == status and json.loads(text)["error"]["type"] == "invalid_request_error"
    assert server.ask("/v1/models", Origin="http://evil.example")[0] == 403


def test_half_of_a_surrogate_pair_is_no_failure(server: Program) -> None:
    for model in ("m", "\ud800"):
        for content in ("\ud800", 'add "\ud800"'):
            body = ASKED | {"model": model, "messages": [{"role": "user", "content": content}]}
            assert server.ask("/v1/chat/completions", body)[0] == 200
            assert streamed(server, body)


def test_it_ends_when_it_is_told_to() -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        with running() as program:
            program.until_healthy()
            program.ask("/v1/chat/completions", ASKED)
            program.process.send_signal(number)
            output, _ = program.process.communicate(timeout=20)
            assert program.process.returncode == 0
        lines = [json.loads(line) for line in output.splitlines()]
        assert [line["message"] for line in lines] == ["started", "answer", "request", "stopped"]
        assert "Grüße" not in output


def test_settings_that_cannot_be_used_are_named() -> None:
    with running(PORT="x", LOG_LEVEL="loud") as program:
        output, _ = program.process.communicate(timeout=20)
        assert program.process.returncode == 2
    problems = json.loads(output)["problems"]
    assert [problem.split()[0] for problem in problems] == ["LOG_LEVEL", "PORT"]
