"""Responses in the format of OpenAI: one object, or the chunks of a stream."""

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mock_llm.wire import Request

MODEL = "mock-todo"
CREATED = 1_700_000_000  # a constant, so that the same request always gets the same bytes
PIECE = 24  # characters of the arguments in one chunk


@dataclass(frozen=True)
class Call:
    """A tool call."""

    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True)
class Answer:
    """The message of the assistant: a tool call if there is one, else a text."""

    text: str = ""
    call: Call | None = None


def whole(request: Request, answer: Answer) -> dict[str, Any]:
    """The completion as one object."""
    message: dict[str, Any] = {"role": "assistant", "content": answer.text or None}
    if answer.call:
        message["tool_calls"] = [_call(request, answer.call)]
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _reason(answer)}
    return _frame(request, "chat.completion", choice) | {"usage": _usage(request, answer)}


def chunks(request: Request, answer: Answer) -> Iterator[dict[str, Any]]:
    """The completion as the chunks of a stream, without the final [DONE]."""

    def chunk(delta: dict[str, Any], reason: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        frame = _frame(request, "chat.completion.chunk", choice)
        return frame | ({"usage": None} if request.usage else {})

    yield chunk({"role": "assistant", "content": None if answer.call else ""})
    for piece in re.findall(r"\S+\s*|\s+", answer.text):
        yield chunk({"content": piece})
    if answer.call:
        made = _call(request, answer.call)
        text, made["function"]["arguments"] = made["function"]["arguments"], ""
        yield chunk({"tool_calls": [{"index": 0} | made]})
        for start in range(0, len(text), PIECE):
            part = {"index": 0, "function": {"arguments": text[start : start + PIECE]}}
            yield chunk({"tool_calls": [part]})
    yield chunk({}, _reason(answer))
    if request.usage:
        yield _frame(request, "chat.completion.chunk") | {"usage": _usage(request, answer)}


def models() -> dict[str, Any]:
    """The list of models, which has one entry."""
    one = {"id": MODEL, "object": "model", "created": CREATED, "owned_by": "todo-chatbot"}
    return {"object": "list", "data": [one]}


def _digest(request: Request) -> str:
    """The source of all IDs: the conversation itself."""
    return hashlib.sha256(repr(request.messages).encode("utf-8", "replace")).hexdigest()


def _frame(request: Request, kind: str, *choices: dict[str, Any]) -> dict[str, Any]:
    base = {"id": f"chatcmpl-{_digest(request)[:24]}", "object": kind, "created": CREATED}
    return base | {"model": request.model, "system_fingerprint": "mock", "choices": [*choices]}


def _call(request: Request, call: Call) -> dict[str, Any]:
    arguments = json.dumps(call.arguments, ensure_ascii=False)
    function = {"name": call.name, "arguments": arguments}
    return {"id": f"call_{_digest(request)[:16]}00", "type": "function", "function": function}


def _reason(answer: Answer) -> str:
    return "tool_calls" if answer.call else "stop"


def _usage(request: Request, answer: Answer) -> dict[str, int]:
    """Counts words instead of tokens."""
    asked = sum(len(message.text.split()) for message in request.messages)
    said = len(answer.text.split()) + (len(str(answer.call)) // 4 if answer.call else 0)
    return {"prompt_tokens": asked, "completion_tokens": said, "total_tokens": asked + said}
