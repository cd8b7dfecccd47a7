"""Models and tools that fail or send invalid data: an error event, and the next answer works."""

import asyncio
import json
import random
from typing import Any

import httpx2
import pytest

from tests.fake_model import DONE, Step, call, calls, hangs_up, piece, says
from tests.steady import talk as talk
from tests.talk import Talk, text
from todo_api import neighbours

JSON = "application/json"
BROKEN: dict[str, tuple[Step, str]] = {
    "hangs up": (hangs_up, "ai_unavailable"),
    "no event": (b"", "ai_unavailable"),
    "breaks off": (piece({"content": "half"}), "ai_unavailable"),
    "error in the stream": (b'data: {"error": {"message": "canary"}}\n\n', "ai_unavailable"),
    "html": ((200, "text/html", b"<html>canary"), "ai_unavailable"),
    "500": ((500, JSON, b'{"error": "canary"}'), "ai_unavailable"),
    "429": ((429, JSON, b"{}"), "ai_busy"),
    "401": ((401, JSON, b'{"error": "canary"}'), "ai_refused"),
    "400": ((400, JSON, b"canary"), "ai_failed"),
    "redirect": ((302, "text/html\r\nLocation: http://canary", b""), "ai_failed"),
    "no json": (b"data: canary\n\n", "ai_failed"),
    "deep": (b"data: " + b"[" * 100_000 + b"\n\n", "ai_failed"),
    "list": (b"data: []\n\n", "ai_failed"),
    "no choices": (b"data: {}\n\n", "ai_failed"),
    "odd choices": (b'data: {"choices": [7]}\n\n', "ai_failed"),
    "odd delta": (piece([]) + piece("x"), "ai_failed"),
    "odd content": (piece({"content": 7}), "ai_failed"),
    "odd calls": (piece({"tool_calls": "x"}), "ai_failed"),
    "odd call": (piece({"tool_calls": [7]}), "ai_failed"),
    "odd function": (piece({"tool_calls": [{"function": [1]}]}), "ai_failed"),
    "nothing": (says(""), "ai_failed"),
    "endless text": (piece({"content": "x" * 999}) * 30, "ai_failed"),
    "endless arguments": (piece({"tool_calls": [call("x", "y" * 999)]}) * 30, "ai_failed"),
    "endless line": (b"data: " + b"x" * 3_000_000, "ai_failed"),
    "endless comments": (b": ping\n\n" * 300_000, "ai_failed"),
    "several": (b'data: {"choices": []}\n\n' * 9, "ai_unavailable"),
    "binary": (bytes(range(256)) * 50, "ai_unavailable"),
}


@pytest.mark.parametrize("step, code", BROKEN.values(), ids=BROKEN)
async def test_broken_answers(talk: Talk, step: Step, code: str) -> None:
    assert await talk.fails(step) == code
    assert "canary" not in str(await talk.messages())


async def test_a_whole_answer_instead_of_a_stream(talk: Talk) -> None:
    message = {"role": "assistant", "content": None, "tool_calls": [call("list_tasks")]}
    whole = {"choices": [{"message": message, "finish_reason": "tool_calls"}]}
    said = {"choices": [{"message": {"content": "Ok."}}]}
    steps = [(200, JSON, json.dumps(each).encode()) for each in (whole, said)]
    assert text(await talk.ask("x", *steps)) == "Ok."


async def test_texts_that_no_database_takes(talk: Talk) -> None:
    odd = b'data: {"choices": [{"delta": {"content": "a\\u0000\\ud800b"}}]}\n\n'
    found = await talk.ask("x", odd + DONE)
    assert text(found) == "a?b" == (await talk.messages())[-1]["text"]


async def test_random_answers_always_end(talk: Talk) -> None:
    chance = random.Random(6)
    values: list[Any] = [None, 7, True, "", "x", [], {}, [[]], "list_tasks", "{}", '{"title"']
    values += [float("nan"), float("inf"), "\ud800", "\x00", 2**70, -0.5, '{"x": NaN}', [[{}]] * 9]
    names = ["content", "tool_calls", "function", "name", "arguments", "id", "index"]
    names += ["extra_content"]

    def odd(depth: int = 0) -> Any:
        if depth > 3 or chance.random() < 0.3:
            return chance.choice(values)
        found = {name: odd(depth + 1) for name in chance.sample(names, 4)}
        return [found] if chance.random() < 0.5 else found

    for number in range(120):
        delta = {"content": chance.choice(values), "tool_calls": [odd(1)]}
        shaped = piece(odd() if number % 3 else delta)
        found = await talk.ask("x", shaped + DONE, says("Ok."))
        assert found[-1][1].get("code") != "internal_error", shaped


def answers(status: int, body: Any) -> Any:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return lambda _: httpx2.Response(status, content=content)


@pytest.mark.parametrize(
    "status, body",
    [
        (500, {"error": {"code": "x", "message": "canary"}}),
        (401, {"error": {"code": "unauthenticated", "message": "canary"}}),
        (200, b"<html>canary"),
        (200, []),
        (200, {"result": "canary"}),
        (200, {"result": {"tools": [{"x": "canary"}]}}),
        (200, {"error": {"code": -32601, "message": "canary"}}),
        (302, b""),
    ],
)
async def test_tools_that_talk_nonsense(talk: Talk, status: int, body: Any) -> None:
    talk.tools.answer = answers(status, body)
    assert await talk.fails(says("x")) == "tools_unavailable"
    assert talk.model.seen == []
    talk.tools.answer = None


async def test_what_was_done_is_told_the_next_time(talk: Talk) -> None:
    assert await talk.fails(calls(call("list_tasks")), hangs_up) == "ai_unavailable"
    await talk.ask("again", says("Ok."))
    assert "was interrupted after: list_tasks" in talk.model.messages[2]["content"]


async def test_tools_that_go_away_in_the_middle(talk: Talk) -> None:
    async def gone(writer: asyncio.StreamWriter) -> None:
        def refuse(_: httpx2.Request) -> httpx2.Response:
            raise httpx2.ReadTimeout("canary")

        talk.tools.answer = refuse
        head = b"HTTP/1.1 200 X\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
        writer.write(head + calls(call("list_tasks")))

    assert await talk.fails(gone) == "tools_unavailable"
    assert (await talk.messages())[-1]["tool_calls"][0]["ok"] is False
    talk.tools.answer = None


async def test_each_turn_has_a_token_of_its_own(talk: Talk) -> None:
    await talk.ask("x", calls(call("list_tasks")), says("Ok."))
    assert all(token.startswith("Bearer ey") for token in talk.tools.tokens)
    assert not any("Bearer ey" in head for head in talk.model.headers)


async def test_a_model_that_goes_away_and_comes_back(
    talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(neighbours, "STATE_TTL_S", -1.0)
    client = talk.app.parts.neighbours.client
    assert (await talk.app.ready())["checks"]["ai"] == "up"
    await talk.model.stop()
    assert await talk.fails() == "ai_unavailable"
    body = await talk.app.ready()
    # The health endpoint of the tools is not available, either.
    assert (body["status"], body["down"]) == ("degraded", ["mcp", "ai"])
    await talk.model.start()
    assert text(await talk.ask("x", says("Back."))) == "Back."
    transport = httpx2.MockTransport(lambda request: httpx2.Response(200, text=str(request.url)))
    talk.app.parts.neighbours.client = httpx2.AsyncClient(transport=transport)
    assert (await talk.app.ready())["status"] == "ok"
    talk.app.parts.neighbours.client = client
