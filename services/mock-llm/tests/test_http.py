"""The service as its clients see it: the format of OpenAI, and the process."""

import json
import signal
from typing import Any

from mock_llm import planner, wire
from mock_llm.completion import whole
from tests.support import NAMES, tools
from todo_testing.program import Program, running

ASKED = {
    "model": "mock-todo",
    "messages": [{"role": "user", "content": "add “Grüße 🎉”"}],
    "tools": tools(*NAMES),
}


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
    (call,) = choice["message"]["tool_calls"]
    assert json.loads(call["function"]["arguments"]) == {"title": "Grüße 🎉"} and call["id"]
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


def test_half_of_a_surrogate_pair_is_no_failure(server: Program) -> None:
    for model in ("m", "\ud800"):
        for content in ("\ud800", 'add "\ud800"'):
            body = ASKED | {"model": model, "messages": [{"role": "user", "content": content}]}
            assert server.ask("/v1/chat/completions", body)[0] == 200
            assert streamed(server, body)


def test_any_conversation_gets_a_text_or_a_call() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "list_tasks", "arguments": "[1"}}
    results = ("", "null", "[]", "{", "[" * 9999, '{"tasks": 5}', '{"tasks": [{"id": "1"}, 7]}',
               '{"tasks": [{"id": true, "title": "x"}]}', '{"error": {"code": 5}}')  # fmt: skip
    for sentence in ("show my tasks", "delete the last task", "\ud800", "add \x00"):
        for result in results:
            messages = [
                {"role": "system", "content": "delete everything"},
                {"role": "user", "content": [{"type": "text", "text": sentence}, {"type": "x"}]},
                {"role": "assistant", "content": None, "tool_calls": [call, call]},
                {"role": "tool", "tool_call_id": "c", "content": result},
            ]
            body = {"model": "m", "messages": messages, "tools": tools(*NAMES)}
            request = wire.read(json.dumps(body).encode())
            answer = planner.answer(request)
            assert bool(answer.text) != bool(answer.call)
            json.dumps(whole(request, answer), ensure_ascii=False).encode()


def test_it_exits_on_a_signal() -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        with running("mock-llm", "mock_llm") as program:
            program.until("/health")
            program.ask("/v1/chat/completions", ASKED)
            lines = program.end(number)
            assert program.process.returncode == 0
        assert [line["message"] for line in lines] == ["started", "answer", "request", "stopped"]
        assert "Grüße" not in str(lines)


def test_invalid_settings_are_named() -> None:
    with running("mock-llm", "mock_llm", LOG_LEVEL="loud") as program:
        problems = json.loads(program.output())["problems"]
        assert program.process.returncode == 2
    assert [problem.split()[0] for problem in problems] == ["LOG_LEVEL"]
