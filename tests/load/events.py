"""Parses the events of a chat turn."""

import json
import re
from dataclasses import dataclass, field
from typing import Any

# A `\r` at the end may be a part of `\r\n`.
_LINE_END = re.compile(r"\r\n|\n|\r(?!\Z)")


@dataclass(frozen=True)
class Event:
    """One event. Data that is not a JSON object is kept as `{"unreadable": text}`."""

    name: str
    data: dict[str, Any]


@dataclass
class Parser:
    """A parser for `text/event-stream`."""

    _rest: str = ""
    _name: str = ""
    _data: list[str] = field(default_factory=list)

    def feed(self, text: str) -> list[Event]:
        """The events that this part completes."""
        *lines, self._rest = _LINE_END.split(self._rest + text)
        found = (self._line(line) for line in lines)
        return [event for event in found if event]

    def _line(self, line: str) -> Event | None:
        if not line:
            return self._complete()
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "event":
            self._name = value
        elif name == "data":
            self._data.append(value)
        # Lines that begin with a colon are comments; other fields are not used.
        return None

    def _complete(self) -> Event | None:
        name, text = self._name or "message", "\n".join(self._data)
        known, self._name, self._data = bool(self._data), "", []
        if not known:
            return None
        try:
            data = json.loads(text)
        except ValueError:
            data = None
        return Event(name, data if isinstance(data, dict) else {"unreadable": text})
