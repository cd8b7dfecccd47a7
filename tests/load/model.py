"""The expected tasks and messages of a user, independent of the application."""

from dataclasses import dataclass, field
from typing import Any

Task = dict[str, Any]
FIELDS = {"id", "title", "description", "completed", "created_at", "updated_at"}


@dataclass
class Model:
    """Tasks by ID, oldest first, and messages."""

    tasks: dict[int, Task] = field(default_factory=dict)
    said: list[tuple[str, str]] = field(default_factory=list)

    def listed(self, status: str = "all") -> list[Task]:
        """The list, or the part of it with that status."""
        every = [self.tasks[number] for number in sorted(self.tasks)]
        if status == "all":
            return every
        return [task for task in every if task["completed"] is (status == "done")]

    def take(self, listed: list[Task]) -> None:
        """Adopts the list of the application, so that a difference is reported once."""
        self.tasks = {int(task["id"]): task for task in listed}


def differences(expected: list[Task], given: Any, changed: set[int] | None = None) -> list[str]:
    """The differences of a list. Tasks that were just `changed` may have a newer time."""
    if not isinstance(given, list) or not all(isinstance(task, dict) for task in given):
        return ["the answer is no list of tasks"]
    wanted, found = [task["id"] for task in expected], [task.get("id") for task in given]
    if wanted != found:
        more = [number for number in found if number not in wanted]
        less = [number for number in wanted if number not in found]
        return [f"tasks too many {more}, missing {less}"] if more or less else ["another order"]
    made = []
    for own, task in zip(expected, given, strict=True):
        made += task_differences(own, task, own["id"] in (changed or set()))
    return made


def task_differences(expected: Task, given: Any, changed: bool = False) -> list[str]:
    """The differences of a task; a changed one may have a newer time."""
    if not isinstance(given, dict) or set(given) != FIELDS:
        return [f"task {expected.get('id')} has other fields, or is none"]
    if changed and given["updated_at"] >= expected["updated_at"]:
        expected = expected | {"updated_at": given["updated_at"]}
    return [
        f"task {given['id']}: {name} is {given[name]!r} and not {expected[name]!r}"
        for name in sorted(FIELDS)
        if given[name] != expected[name]
    ]
