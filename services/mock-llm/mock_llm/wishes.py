"""From wishes and the list to the changes: at most one for each task, ids from the list only."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from mock_llm import references
from mock_llm.context import Meaning, is_it
from mock_llm.found import Found
from mock_llm.intents import (
    Add,
    Changing,
    Complete,
    Delete,
    Describe,
    Phrase,
    Rename,
    Reopen,
    Status,
)
from mock_llm.tasks import Task
from mock_llm.wire import Call


@dataclass
class Change:
    """What is to become of one task."""

    task: Task
    delete: bool = False
    fields: dict[str, Any] = field(default_factory=dict)

    def call(self) -> Call:
        """The one call that does it."""
        if self.delete:
            return Call("delete_task", {"task_id": self.task.id})
        if self.fields == {"completed": True}:
            return Call("complete_task", {"task_id": self.task.id})
        return Call("update_task", {"task_id": self.task.id} | self.fields)


@dataclass
class Wishes:
    """The changes of a turn, and what could not be found out about them."""

    changes: dict[int, Change] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    unclear: list[tuple[str, list[Task]]] = field(default_factory=list)
    nothing: list[str] = field(default_factory=list)
    wordless: bool = False

    def note(self, intent: Changing, found: Found, fields: dict[str, Any]) -> None:
        """Adds what one wish asks for."""
        self.missing += found.missing
        self.unclear += found.unclear
        if found.everything and not found.tasks and not found.missing:
            self.nothing.append(_NOTHING[type(intent)])
        for task in found.tasks:
            change = self.changes.setdefault(task.id, Change(task))
            change.delete = change.delete or isinstance(intent, Delete)
            change.fields.update(fields)


_NOTHING: dict[type, str] = {Delete: "delete", Complete: "mark as done", Reopen: "reopen"}


def wishes(meaning: Meaning, tasks: Sequence[Task], added: Sequence[Task] = ()) -> Wishes:
    """What the sentence wants of these tasks; `added` are those that it made itself."""
    made, after_add = Wishes(), False
    for intent in meaning.intents:
        after_add = after_add or isinstance(intent, Add)
        if isinstance(intent, Rename | Describe):
            name = "title" if isinstance(intent, Rename) else "description"
            found, text = _option(intent, meaning, tasks, after_add, added)
            if isinstance(intent, Rename) and not text:
                made.wordless = True
            elif len(found.tasks) > 1 and name == "title":
                made.unclear.append((intent.options[0][0].text, found.tasks))
            else:
                made.note(intent, found, {name: text})
        elif isinstance(intent, Changing):
            done = isinstance(intent, Complete)
            whole: Status = "all" if isinstance(intent, Delete) else "open" if done else "done"
            found = _find(
                intent.phrase,
                meaning,
                tasks,
                whole,
                after_add,
                added,
                not isinstance(intent, Reopen),
            )
            made.note(intent, found, {} if isinstance(intent, Delete) else {"completed": done})
    return made


def _option(
    intent: Rename | Describe,
    meaning: Meaning,
    tasks: Sequence[Task],
    after_add: bool,
    added: Sequence[Task],
) -> tuple[Found, str]:
    """The reading of the sentence that fits the list; else the first."""
    readings = [
        (_find(phrase, meaning, tasks, "all", after_add, added), text)
        for phrase, text in intent.options
    ]
    fitting = [one for one in readings if len(one[0].tasks) == 1]
    asking = [one for one in readings if one[0].unclear]
    return (fitting or asking or readings)[0]


def _find(
    phrase: Phrase,
    meaning: Meaning,
    tasks: Sequence[Task],
    whole: Status,
    after_add: bool,
    added: Sequence[Task],
    sure: bool = False,
) -> Found:
    if after_add and is_it(phrase):
        return Found(list(added))
    if meaning.candidates:
        among = [task for task in tasks if task.id in meaning.candidates]
        found = references.resolve(phrase, among)
        if found.tasks or found.unclear:
            return found
    if not phrase.text or is_it(phrase):
        # Nothing says which; with a single task there is no question.
        fitting = [task for task in tasks if whole == "all" or task.completed == (whole == "done")]
        if len(fitting) == 1:
            return Found(fitting)
        return Found(unclear=[("", fitting)]) if fitting else Found(missing=[phrase.text])
    return _likely(references.resolve(phrase, tasks, meaning.shown, whole, sure), whole)


def _likely(found: Found, whole: Status) -> Found:
    """Of several tasks that fit, the one that can still be completed, or reopened, is meant."""
    unclear: list[tuple[str, list[Task]]] = []
    if found.vague:
        return found
    for words, several in found.unclear:
        fit = [task for task in several if whole != "all" and task.completed == (whole == "done")]
        if len(fit) == 1:
            found.tasks += [task for task in fit if task not in found.tasks]
        else:
            unclear.append((words, fit or several))
    found.unclear = unclear
    return found
