"""The answers in OpenAI's format: one object, or the chunks of a stream."""

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mock_llm.wire import Call, Request

MODEL = "mock-todo"
# The same request gets the same bytes, so this is no clock.
CREATED = 1_700_000_000
PIECE = 24


@dataclass(frozen=True)
class Answer:
    """What the model says: either text or calls."""

    text: str = ""
    calls: tuple[Call, ...] = ()


def identify(request: Request, answer: Answer) -> tuple[str, Answer]:
    """An id for the completion and for each call, made from the conversation itself."""
    digest = hashlib.sha256(repr(request.messages).encode("utf-8", "replace")).hexdigest()
    calls = tuple(
        Call(call.name, call.arguments, f"call_{digest[:16]}{number:02d}")
        for number, call in enumerate(answer.calls)
    )
    return f"chatcmpl-{digest[:24]}", Answer(answer.text, calls)


def whole(request: Request, answer: Answer) -> dict[str, Any]:
    """The completion as one object."""
    identity, answer = identify(request, answer)
    message: dict[str, Any] = {"role": "assistant", "content": answer.text or None}
    if answer.calls:
        message["tool_calls"] = [_call(call) for call in answer.calls]
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _reason(answer)}
    frame = _frame(identity, request, "chat.completion", [choice])
    return frame | {"usage": _usage(request, answer)}


def chunks(request: Request, answer: Answer) -> Iterator[dict[str, Any]]:
    """The completion as the chunks of a stream, without the closing [DONE]."""
    identity, answer = identify(request, answer)

    def chunk(delta: dict[str, Any], reason: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        frame = _frame(identity, request, "chat.completion.chunk", [choice])
        return frame | ({"usage": None} if request.usage else {})

    yield chunk({"role": "assistant", "content": None if answer.calls else ""})
    for piece in re.findall(r"\S+\s*|\s+", answer.text):
        yield chunk({"content": piece})
    for index, call in enumerate(answer.calls):
        made = _call(call)
        text, made["function"]["arguments"] = made["function"]["arguments"], ""
        yield chunk({"tool_calls": [{"index": index} | made]})
        for start in range(0, len(text), PIECE):
            part = {"index": index, "function": {"arguments": text[start : start + PIECE]}}
            yield chunk({"tool_calls": [part]})
    yield chunk({}, _reason(answer))
    if request.usage:
        frame = _frame(identity, request, "chat.completion.chunk", [])
        yield frame | {"usage": _usage(request, answer)}


def models() -> dict[str, Any]:
    """The list of models: there is one."""
    one = {"id": MODEL, "object": "model", "created": CREATED, "owned_by": "todo-chatbot"}
    return {"object": "list", "data": [one]}


def _frame(identity: str, request: Request, kind: str, choices: list[Any]) -> dict[str, Any]:
    base = {"id": identity, "object": kind, "created": CREATED, "model": request.model}
    return base | {"system_fingerprint": "mock", "choices": choices}


def _call(call: Call) -> dict[str, Any]:
    arguments = json.dumps(call.arguments or {}, ensure_ascii=False)
    function = {"name": call.name, "arguments": arguments}
    return {"id": call.id, "type": "function", "function": function}


def _reason(answer: Answer) -> str:
    return "tool_calls" if answer.calls else "stop"


def _usage(request: Request, answer: Answer) -> dict[str, int]:
    """Words instead of tokens: enough for who adds them up."""
    asked = sum(len(message.text.split()) for message in request.messages)
    said = len(answer.text.split()) + sum(len(str(call.arguments)) // 4 for call in answer.calls)
    return {"prompt_tokens": asked, "completion_tokens": said, "total_tokens": asked + said}
