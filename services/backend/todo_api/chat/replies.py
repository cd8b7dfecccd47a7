"""A reply of the model, assembled from its chunks."""

import json
import math
import re
from dataclasses import dataclass, field
from typing import Any

from todo_api.chat.failures import ai_nonsense

# The maximum length of a text and of arguments, and the maximum number of calls.
MAX_TEXT, MAX_ARGUMENTS, MAX_CALLS = 20_000, 20_000, 32
MAX_NAME = 64
# The maximum nesting of arguments: no tool needs more, and encoders have limits.
MAX_DEPTH = 16
# Lone surrogates: valid in JSON, but they cannot be encoded.
HALF = re.compile(r"[\ud800-\udfff]")


@dataclass
class Call:
    """A tool call as the model wrote it, not validated."""

    id: str
    name: str = ""
    written: str = ""
    # Opaque data that some providers require back with the call.
    extra: Any = None

    def arguments(self) -> dict[str, Any] | None:
        """The arguments; None if they are not a JSON object."""
        try:
            found = json.loads(self.written or "{}")
        except (ValueError, RecursionError):
            return None
        return found if isinstance(found, dict) and is_plain(found) else None

    def as_message(self) -> dict[str, Any]:
        # Invalid arguments are left out, because providers reject them.
        written = self.written if self.arguments() is not None else ""
        function = {"name": self.name or "unknown", "arguments": written or "{}"}
        found: dict[str, Any] = {"id": self.id, "type": "function", "function": function}
        return found if self.extra is None else found | {"extra_content": self.extra}


@dataclass
class Reply:
    """The text and the tool calls of a model."""

    text: str = ""
    calls: list[Call] = field(default_factory=list)
    # By the index in the chunks of a call.
    _open: dict[Any, Call] = field(default_factory=dict)

    def take(self, piece: dict[str, Any]) -> str:
        """Adds the content of a chunk or of a whole message; returns its text."""
        text = piece.get("content") or ""
        calls = piece.get("tool_calls") or []
        if not isinstance(text, str) or not isinstance(calls, list):
            raise ai_nonsense()
        text = clean(text)
        self.text += text
        for place, call in enumerate(calls):
            self._take_call(place, call)
        if len(self.text) > MAX_TEXT or len(self.calls) > MAX_CALLS:
            raise ai_nonsense()
        return text

    def _take_call(self, place: int, piece: Any) -> None:
        function = piece.get("function") or {} if isinstance(piece, dict) else None
        if not isinstance(function, dict):
            raise ai_nonsense()
        index = piece.get("index")
        index = index if isinstance(index, int | str) else place
        given = _text(piece.get("id"))[:MAX_NAME]
        call = self._open.get(index)
        # Some providers give all calls the same index, but different IDs.
        if call is None or (given and given != call.id and function.get("name")):
            taken = any(given == other.id for other in self.calls)
            call = Call(given if given and not taken else f"call_{len(self.calls) + 1}")
            self._open[index] = call
            self.calls.append(call)
        call.name = (call.name + _text(function.get("name")))[:MAX_NAME]
        written = function.get("arguments") or ""
        if not isinstance(written, str):
            # Some providers send an object in place of a text.
            written = json.dumps(written) if is_plain(written) else "?"
        call.written += written
        extra = piece.get("extra_content")
        call.extra = extra if extra is not None and is_plain(extra) else call.extra
        if len(call.written) > MAX_ARGUMENTS:
            raise ai_nonsense()


def clean(text: str) -> str:
    """The text without what databases reject: NUL and lone surrogates."""
    return HALF.sub("?", text.replace("\x00", ""))


def _text(value: Any) -> str:
    return clean(value) if isinstance(value, str) else ""


def is_plain(value: Any, depth: int = MAX_DEPTH) -> bool:
    """Whether it can be stored: Python reads some JSON that it cannot write."""
    if isinstance(value, dict):
        return depth > 0 and all(
            is_plain(key, depth) and is_plain(each, depth - 1) for key, each in value.items()
        )
    if isinstance(value, list):
        return depth > 0 and all(is_plain(each, depth - 1) for each in value)
    if isinstance(value, str):
        return not HALF.search(value)
    return not isinstance(value, float) or math.isfinite(value)
