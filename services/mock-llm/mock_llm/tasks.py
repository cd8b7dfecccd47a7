"""The tasks as the results of tools tell them. Their text is data; nothing here obeys it."""

import json
import re
from dataclasses import dataclass
from typing import Any

_FAILED = re.compile(
    r"\b(?:errors?|exception|fail(?:ed|ure)?|not found|cannot|can't|could not|couldn't|invalid"
    r"|unauthori[sz]ed|denied|refused|unavailable|timed? ?out|no task|does not|doesn't|unknown"
    r"|not allowed|forbidden|unable|too many)\b",
    re.I,
)


@dataclass(frozen=True)
class Task:
    """A task of the user's list."""

    id: int
    title: str
    completed: bool = False
    description: str = ""


@dataclass(frozen=True)
class Result:
    """What a tool said: tasks of a list, one task, or why it failed."""

    ok: bool
    tasks: tuple[Task, ...] | None = None
    error: str = ""


def read(text: str) -> Result:
    """A tool's result, in any of the forms that clients give it."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = _lines(text)
    if value is None:
        bad = bool(_FAILED.search(text))
        return Result(not bad, error=_short(text) if bad else "")
    return _result(value)


def _result(value: Any, depth: int = 0) -> Result:
    if isinstance(value, list):
        found = [_task(item) for item in value]
        known = tuple(task for task in found if task)
        return Result(bool(known) or not value, known, "" if known or not value else "no tasks")
    if not isinstance(value, dict):
        bad = isinstance(value, str) and bool(_FAILED.search(value))
        return Result(not bad, error=_short(str(value)) if bad else "")
    problem = value.get("error")
    failed = any(value.get(name) is True for name in ("isError", "is_error", "failed"))
    if problem or failed or any(value.get(name) is False for name in ("ok", "success")):
        return Result(False, error=_short(_reason(problem or value)))
    if task := _task(value):
        return Result(True, (task,))
    for name in ("tasks", "result", "structuredContent", "structured_content", "data", "task"):
        if isinstance(value.get(name), list | dict) and depth < 4:
            return _result(value[name], depth + 1)
    return Result(True)


def _task(item: Any) -> Task | None:
    if not isinstance(item, dict):
        return None
    number, title = item.get("id", item.get("task_id")), item.get("title")
    if not isinstance(number, int) or isinstance(number, bool) or not isinstance(title, str):
        return None
    done = item.get("completed") is True or item.get("status") in ("done", "completed")
    description = item.get("description")
    return Task(number, title, done, description if isinstance(description, str) else "")


def _lines(text: str) -> list[Any] | None:
    """One JSON object in each line, as some clients join the parts of a result."""
    try:
        return [json.loads(line) for line in text.splitlines() if line.strip()] or None
    except (ValueError, RecursionError):
        return None


def _reason(value: Any) -> str:
    if isinstance(value, dict):
        for name in ("message", "detail", "text", "error", "code"):
            if isinstance(value.get(name), str) and value[name]:
                return str(value[name])
    return value if isinstance(value, str) else "the tool failed"


def _short(text: str) -> str:
    text = re.sub(
        r"^(?:error(?: executing tool \w+)?|tool error):\s*", "", " ".join(text.split()), flags=re.I
    )
    return text[:200].rstrip(" .")
