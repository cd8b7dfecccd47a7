"""Models that send invalid calls: each answer ends, nothing is executed, and the next one works."""

import json
from typing import Any

import pytest

from tests.fake_model import DONE, call, calls, piece, says
from tests.steady import talk as talk
from tests.talk import Talk, results, text


@pytest.mark.parametrize(
    "arguments",
    [
        *("{", "[]", "7", "null", '"x"', "{} {}", "[" * 5000, '{"title": "x"', "\x00", "NaN"),
        # Accepted by Python, but cannot be encoded or stored.
        *('{"title": "\\ud800"}', '{"\\udfff": 1}', '{"title": NaN}', '{"title": -1e999}'),
        *('{"a":' * 20 + "1" + "}" * 20, '{"a":' * 950 + "1" + "}" * 950, '{"a": [[[[' * 400),
        '{"title": ' + "9" * 5000 + "}",
    ],
)
async def test_malformed_calls_are_told_to_the_model(talk: Talk, arguments: str) -> None:
    found = await talk.ask("x", calls(call("add_task", arguments)), says("Sorry."))
    assert results(found) == [("add_task", False)] and text(found) == "Sorry."
    assert "not a JSON object" in talk.model.messages[-1]["content"]
    # Sent back in a form that providers accept.
    for message in talk.model.messages:
        for made in message.get("tool_calls", []):
            assert isinstance(json.loads(made["function"]["arguments"]), dict)
    assert talk.tools.called == []


@pytest.mark.parametrize(
    "name", ["", "rm -rf", "tools/list", "x" * 500, "add_task ", None, "é\x00"]
)
async def test_unknown_tools_are_refused(talk: Talk, name: Any) -> None:
    found = await talk.ask("x", calls(call(name, {"title": "x"})), says("Sorry."))
    assert [ok for _, ok in results(found)] == [False] and talk.tools.called == []
    assert "There is no tool" in talk.model.messages[-1]["content"]


async def test_calls_in_pieces_and_without_ids(talk: Talk) -> None:
    start = {"index": 0, "id": "a", "function": {"name": "list_tasks", "arguments": '{"sta'}}
    rest = {"index": 0, "function": {"arguments": 'tus": "open"}'}}
    # Some providers give all calls the same index, or no ID.
    other = {"index": 0, "id": "b", "function": {"name": "list_tasks", "arguments": "{}"}}
    nameless = {"index": 5, "function": {"name": "list_tasks"}}
    steps = [piece({"tool_calls": [each]}) for each in (start, rest, other, nameless)]
    found = await talk.ask("x", b"".join(steps) + DONE, says("Ok."))
    made = [data["arguments"] for name, data in found if name == "tool_call"]
    assert made == [{"status": "open"}, {}, {}]
    ids = [data["id"] for name, data in found if name == "tool_call"]
    assert len(set(ids)) == 3


@pytest.mark.parametrize("extra", ['"\\ud800"', "NaN", "[" * 500 + "]" * 500, '{"a": "\\u0000"}'])
async def test_what_comes_along_with_a_call(talk: Talk, extra: str) -> None:
    made = json.dumps(call("list_tasks", extra_content="HERE")).replace('"HERE"', extra)
    step = f'data: {{"choices": [{{"delta": {{"tool_calls": [{made}]}}}}]}}\n\n'.encode() + DONE
    found = await talk.ask("x", step, says("Ok."))
    assert results(found) == [("list_tasks", True)] and text(found) == "Ok."


async def test_ids_that_come_twice(talk: Talk) -> None:
    twice = [call("list_tasks", index=number) for number in range(3)]
    found = await talk.ask("x", calls(*twice), says("Ok."))
    assert results(found) == [("list_tasks", True)] * 3
    answered = [each["tool_call_id"] for each in talk.model.messages if each["role"] == "tool"]
    (assistant,) = (each for each in talk.model.messages if each["role"] == "assistant")
    assert [each["id"] for each in assistant["tool_calls"]] == answered
    assert len(set(answered)) == 3


async def test_endless_loops_end(talk: Talk) -> None:
    assert await talk.fails(calls(call("list_tasks"))) == "too_many_steps"
    assert len(talk.model.seen) == 8 and len(talk.tools.called) == 8
    many = [call("list_tasks", id=f"c{number}", index=number) for number in range(10)]
    talk.tools.called.clear()
    assert await talk.fails(calls(*many)) == "too_many_steps"
    assert len(talk.tools.called) == 16
    # The history shows what was done.
    assert len((await talk.messages())[-1]["tool_calls"]) == 16
