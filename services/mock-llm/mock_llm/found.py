"""What was found of the tasks that a phrase names."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from mock_llm.intents import Status
from mock_llm.tasks import Task


@dataclass
class Found:
    """The tasks meant, and what could not be found out."""

    tasks: list[Task] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    unclear: list[tuple[str, list[Task]]] = field(default_factory=list)
    everything: bool = False
    # The words fit only in part, so nobody may choose for the user.
    vague: bool = False


def chosen(text: str, found: list[Task]) -> Found:
    """One task that fits is meant; several are a question."""
    if len(found) == 1:
        return Found(found)
    return Found(unclear=[(text, found)]) if found else Found(missing=[text])


def only(tasks: Sequence[Task], status: Status) -> list[Task]:
    """The open tasks, the done ones, or all."""
    return [task for task in tasks if status == "all" or task.completed == (status == "done")]
