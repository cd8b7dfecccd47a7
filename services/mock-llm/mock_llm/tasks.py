"""The tasks in the results of tools, and which of them a phrase names."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mock_llm.sentences import TASK, unquoted

# Words that never name a single task by themselves.
GENERAL = {"all", "both", "each", "every", "everything", "it", "that", "them", "these", "this"}
PLACES = ["first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth"]
MAX_ERROR = 200


class ToolFailed(Exception):
    """A tool did not do what it was called for; the text says why."""


@dataclass(frozen=True)
class Task:
    """A task of the user's list. Its texts are data, and never instructions."""

    id: int
    title: str
    completed: bool


def result(text: str | None) -> dict[str, Any]:
    """The JSON object that a tool returned. Raises ToolFailed."""
    try:
        value = json.loads(text or "")
    except (ValueError, RecursionError):
        value = None
    if isinstance(value, dict) and not value.get("error"):
        return value
    reason = value.get("error") if isinstance(value, dict) else text
    reason = re.sub(r"^error executing tool \w+: ", "", " ".join(str(reason).split()), flags=re.I)
    raise ToolFailed(reason[:MAX_ERROR].rstrip(" .") or "the tool returned nothing")


def listed(text: str | None) -> list[Task]:
    """The tasks that list_tasks returned. Raises ToolFailed."""
    found = result(text).get("tasks")
    if not isinstance(found, list):
        raise ToolFailed("the tool returned no list")
    return [
        Task(item["id"], item["title"], item.get("completed") is True)
        for item in found
        if isinstance(item, dict)
        and type(item.get("id")) is int
        and isinstance(item.get("title"), str)
    ]


def named(phrase: str, tasks: Sequence[Task]) -> list[Task]:
    """The tasks that a phrase names: by ID, place, whole title, or words of the title."""
    bare = unquoted(phrase)
    if exact := [task for task in tasks if task.title.casefold() == bare.casefold()]:
        return exact
    if bare != phrase.strip():
        return []
    words = re.sub(rf"^(?:(?:the|my|{TASK}|number) )+|(?: (?:{TASK}|one))+$", "", bare.lower())
    places = {"last": len(tasks)} | {word: i + 1 for i, word in enumerate(PLACES)}
    words = f"{places[words]}th" if words in places else words
    if number := re.fullmatch(r"(#?)(\d{1,10})(st|nd|rd|th)?", words):
        value = int(number[2])
        by_id = [task for task in tasks if task.id == value and not number[3]]
        return by_id if by_id or number[1] or not value else list(tasks[value - 1 : value])
    wanted = {word for word in _words(words) if not re.fullmatch(TASK, word)}
    if not wanted or wanted & GENERAL:
        return []
    return [task for task in tasks if wanted <= _words(task.title)]


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.casefold())) - {"the", "a", "an", "my"}
