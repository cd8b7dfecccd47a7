"""The request of OpenAI's chat completions: what is read of it, and what is refused."""

import json
from dataclasses import dataclass
from typing import Any

ROLES = ("assistant", "developer", "function", "system", "tool", "user")


class BadRequest(Exception):
    """The request cannot be understood; `param` is the field at fault."""

    def __init__(self, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.message, self.param = message, param

    def body(self) -> dict[str, Any]:
        return error(self.message, "invalid_request_error", self.param)


def error(
    message: str, kind: str, param: str | None = None, code: str | None = None
) -> dict[str, Any]:
    """An error as OpenAI's API gives it."""
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


@dataclass(frozen=True)
class Call:
    """A tool call; `arguments` are None if they were no JSON object."""

    name: str
    arguments: dict[str, Any] | None
    id: str = ""


@dataclass(frozen=True)
class Message:
    """A message of the conversation, its content flattened to text."""

    role: str
    text: str = ""
    calls: tuple[Call, ...] = ()
    call_id: str = ""


@dataclass(frozen=True)
class Request:
    """What the stand-in looks at; all else in a request is accepted and ignored."""

    model: str
    messages: tuple[Message, ...]
    tools: frozenset[str] = frozenset()
    parallel: bool = True
    stream: bool = False
    usage: bool = False


def read(content: bytes) -> Request:
    """The request in a body. Raises BadRequest."""
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        raise BadRequest("The body of the request is not valid JSON.") from None
    if not isinstance(body, dict):
        raise BadRequest("The body of the request is not a JSON object.")
    model, messages = body.get("model"), body.get("messages")
    if not isinstance(model, str) or not model:
        raise BadRequest("You must provide a model.", "model")
    if not isinstance(messages, list) or not messages:
        raise BadRequest("'messages' must be an array with at least one message.", "messages")
    if body.get("n") not in (None, 1):
        raise BadRequest("'n' must be 1: there is only one answer here.", "n")
    options = body.get("stream_options") or {}
    if not isinstance(options, dict):
        raise BadRequest("'stream_options' must be an object.", "stream_options")
    offered = _tools(body.get("tools"))
    return Request(
        model=model,
        messages=tuple(_message(item, f"messages[{i}]") for i, item in enumerate(messages)),
        tools=frozenset() if body.get("tool_choice") == "none" else offered,
        parallel=_flag(body, "parallel_tool_calls", True),
        stream=_flag(body, "stream", False),
        usage=_flag(options, "include_usage", False),
    )


def _flag(body: dict[str, Any], name: str, default: bool) -> bool:
    value = body.get(name)
    if value is not None and not isinstance(value, bool):
        raise BadRequest(f"'{name}' must be a boolean.", name)
    return default if value is None else value


def _tools(tools: Any) -> frozenset[str]:
    if tools is None:
        return frozenset()
    if not isinstance(tools, list):
        raise BadRequest("'tools' must be an array.", "tools")
    names: set[str] = set()
    for i, tool in enumerate(tools):
        function = tool.get("function") if isinstance(tool, dict) else None
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            raise BadRequest("A tool must have a function with a name.", f"tools[{i}]")
        names.add(function["name"])
    return frozenset(names)


def _message(item: Any, where: str) -> Message:
    role = item.get("role") if isinstance(item, dict) else None
    if not isinstance(role, str) or role not in ROLES:
        raise BadRequest(f"A message must have a role: {', '.join(ROLES)}.", where)
    call_id = item.get("tool_call_id")
    if item["role"] == "tool" and not isinstance(call_id, str):
        raise BadRequest("A tool message must have a tool_call_id.", f"{where}.tool_call_id")
    calls = item.get("tool_calls")
    if calls is not None and not isinstance(calls, list):
        raise BadRequest("'tool_calls' must be an array.", f"{where}.tool_calls")
    made = tuple(_call(call, f"{where}.tool_calls[{i}]") for i, call in enumerate(calls or []))
    if item.get("content") is None and not made and item["role"] != "assistant":
        raise BadRequest("A message must have content.", f"{where}.content")
    return Message(item["role"], _text(item.get("content"), where), made, call_id or "")


def _text(content: Any, where: str) -> str:
    if content is None or isinstance(content, str):
        # Half of a surrogate pair cannot be written in any answer.
        return (content or "").encode("utf-8", "replace").decode()
    parts = content if isinstance(content, list) else [None]
    if not all(isinstance(part, dict) for part in parts):
        raise BadRequest("'content' must be text, or an array of parts.", f"{where}.content")
    texts = [part["text"] for part in parts if part is not None and "text" in part]
    return _text("\n".join(text for text in texts if isinstance(text, str)), where)


def _call(call: Any, where: str) -> Call:
    known: dict[str, Any] = call if isinstance(call, dict) else {}
    function = known.get("function")
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        raise BadRequest("A tool call must have a function with a name.", where)
    try:
        arguments = json.loads(function.get("arguments") or "{}")
    except (ValueError, TypeError, RecursionError):
        arguments = None
    given = arguments if isinstance(arguments, dict) else None
    identity = known.get("id")
    return Call(function["name"], given, identity if isinstance(identity, str) else "")
