"""Reads and validates the requests of OpenAI's chat completions API."""

import json
from dataclasses import dataclass
from typing import Any

ROLES = ("assistant", "developer", "function", "system", "tool", "user")


class BadRequest(Exception):
    """The request is invalid; the arguments are a message and the field at fault."""


@dataclass(frozen=True)
class Message:
    """A message of the conversation, with its content as one text."""

    role: str
    text: str
    # The name and the ID of each tool call.
    calls: tuple[tuple[str, str], ...]
    call_id: str


@dataclass(frozen=True)
class Request:
    """The fields that the mock uses. All others are accepted and ignored."""

    model: str
    messages: tuple[Message, ...]
    tools: frozenset[str]
    stream: bool
    usage: bool


def read(content: bytes) -> Request:
    """The request in a body. Raises BadRequest."""
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        raise BadRequest("The body of the request is not valid JSON.", None) from None
    _require(isinstance(body, dict), "The body of the request is not a JSON object.")
    model, messages = body.get("model"), body.get("messages")
    options, tools = body.get("stream_options") or {}, body.get("tools")
    _require(isinstance(model, str) and model, "You must provide a model.", "model")
    some = isinstance(messages, list) and messages
    _require(some, "'messages' must be an array with at least one message.", "messages")
    _require(body.get("n") in (None, 1), "'n' must be 1.", "n")
    _require(isinstance(options, dict), "'stream_options' must be an object.", "stream_options")
    _require(isinstance(tools, list | None), "'tools' must be an array.", "tools")
    names = {_function(tool, f"tools[{i}]") for i, tool in enumerate(tools or [])}
    _flag(body, "parallel_tool_calls")
    return Request(
        model=model,
        messages=tuple(_message(item, f"messages[{i}]") for i, item in enumerate(messages)),
        tools=frozenset() if body.get("tool_choice") == "none" else frozenset(names),
        stream=_flag(body, "stream"),
        usage=_flag(options, "include_usage"),
    )


def _require(condition: object, message: str, param: str | None = None) -> None:
    if not condition:
        raise BadRequest(message, param)


def _flag(body: dict[str, Any], name: str) -> bool:
    value = body.get(name)
    _require(isinstance(value, bool | None), f"'{name}' must be a boolean.", name)
    return bool(value)


def _function(item: Any, where: str) -> str:
    """The name of the function of a tool, or of a tool call."""
    function: Any = item.get("function") if isinstance(item, dict) else None
    named = isinstance(function, dict) and isinstance(function.get("name"), str)
    _require(named, "A tool must have a function with a name.", where)
    return str(function["name"])


def _message(item: Any, where: str) -> Message:
    known = isinstance(item, dict) and item.get("role") in ROLES
    _require(known, f"A message must have a role: {', '.join(ROLES)}.", where)
    role, calls = item["role"], item.get("tool_calls")
    call_id, content = item.get("tool_call_id"), item.get("content")
    answers = role != "tool" or isinstance(call_id, str)
    _require(answers, "A tool message must have a tool_call_id.", f"{where}.tool_call_id")
    is_list = isinstance(calls, list | None)
    _require(is_list, "'tool_calls' must be an array.", f"{where}.tool_calls")
    made = tuple(
        (_function(call, f"{where}.tool_calls[{i}]"), str(call.get("id") or ""))
        for i, call in enumerate(calls or [])
    )
    filled = content is not None or made or role == "assistant"
    _require(filled, "A message must have content.", f"{where}.content")
    return Message(role, _text(content, where), made, str(call_id or ""))


def _text(content: Any, where: str) -> str:
    parts = content if isinstance(content, list) else [{"text": content or ""}]
    texts = all(isinstance(part, dict) and isinstance(part.get("text", ""), str) for part in parts)
    _require(texts, "'content' must be text, or an array of parts.", f"{where}.content")
    text = "\n".join(part["text"] for part in parts if "text" in part)
    # Half of a surrogate pair cannot be encoded in a response.
    return text.encode("utf-8", "replace").decode()
