"""The last sentence of a turn: what was done, as the results of the tools tell it."""

from collections.abc import Iterable, Sequence

from mock_llm import references, replies
from mock_llm.context import Meaning
from mock_llm.intents import Add, Find, Show
from mock_llm.replies import joined, name
from mock_llm.tasks import Task
from mock_llm.turn import Done, Turn
from mock_llm.wishes import Wishes


def report(
    meaning: Meaning,
    turn: Turn,
    wished: Wishes,
    tasks: Sequence[Task],
    beyond: int,
    refused: Iterable[str],
) -> str:
    """What to tell the user at the end. `beyond` changes were too many for one turn."""
    said = [*_added(turn.results("add_task")), *_changed(turn, wished)]
    said += [f"There is nothing to {verb}." for verb in wished.nothing]
    said += [replies.missing(words) for words in wished.missing]
    if beyond > 0:
        said.append(f"That was too much for one go: {beyond} more are left, so ask me again.")
    said += [
        f"I was not given the tool {tool}, so I could not do it all." for tool in sorted(refused)
    ]
    for intent in meaning.intents:
        if isinstance(intent, Find) and "list_tasks" not in refused:
            said.append(_found(intent, meaning, tasks))
        if isinstance(intent, Show) and (lists := turn.results("list_tasks")):
            result = lists[-1].result
            problem = f"I could not read your list: {result.error}."
            said.append(replies.listing(intent, result.tasks or ()) if result.ok else problem)
        if isinstance(intent, Add) and not intent.titles:
            said.append(replies.ASK_TITLE)
    said += [replies.which(words, some) for words, some in wished.unclear]
    if wished.wordless:
        said.append(replies.ASK_WORDS)
    return "\n".join(dict.fromkeys(said)) or replies.UNKNOWN


def _added(done: Sequence[Done]) -> list[str]:
    made: list[str] = []
    said: list[str] = []
    for one in done:
        title = str((one.call.arguments or {}).get("title", ""))
        task = one.result.tasks[0] if one.result.tasks else None
        number = f" (#{task.id})" if task else ""
        if one.result.ok:
            made.append(f"{name(task.title if task else title)}{number}")
        else:
            said.append(f"I could not add {name(title)}: {one.result.error}.")
    count = f"{len(made)} tasks: " if len(made) > 1 else ""
    return [f"Added {count}{joined(made)}.", *said] if made else said


def _changed(turn: Turn, wished: Wishes) -> list[str]:
    groups: dict[str, list[str]] = {}
    said: list[str] = []
    for one in turn.done:
        arguments = one.call.arguments or {}
        change = wished.changes.get(arguments.get("task_id", 0))
        if one.call.name in ("add_task", "list_tasks") or not change:
            continue
        title = name(change.task.title)
        if not one.result.ok:
            verb = {"delete_task": "delete", "complete_task": "complete"}.get(
                one.call.name, "change"
            )
            said.append(f"I could not {verb} {title}: {one.result.error}.")
        elif change.delete:
            groups.setdefault("Deleted {}.", []).append(title)
        else:
            for form, text in _fields(change.fields, change.task, title):
                groups.setdefault(form, []).append(text)
    return [form.replace("{}", joined(texts)) for form, texts in groups.items()] + said


def _fields(fields: dict[str, object], task: Task, title: str) -> list[tuple[str, str]]:
    made: list[tuple[str, str]] = []
    if "title" in fields:
        made.append(("Renamed {}.", f"{title} to {name(str(fields['title']))}"))
    if "description" in fields:
        verb = "Changed" if fields["description"] else "Removed"
        made.append((verb + " the description of {}.", title))
    if "completed" in fields:
        if fields["completed"]:
            form = "Done already: {}." if task.completed else "Marked {} as done."
        else:
            form = "Reopened {}." if task.completed else "Still open: {}."
        made.append((form, title))
    return made


def _found(intent: Find, meaning: Meaning, tasks: Sequence[Task]) -> str:
    found = references.resolve(intent.phrase, tasks, meaning.shown)
    some = found.tasks + [task for _, several in found.unclear for task in several]
    if not some:
        return replies.missing(found.missing[0] if found.missing else "")
    states = [
        f"{replies.line(task, False)} ({'done' if task.completed else 'open'})" for task in some
    ]
    return "\n".join(["Here it is:" if len(some) == 1 else "These fit:", *states])
