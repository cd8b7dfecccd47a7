"""Decides the next message of the assistant: a tool call, or the final text.

Nothing is kept between requests. Each request contains the whole conversation, so the plan follows
from the last message of the user and from the results of the tools since then.
"""

from collections.abc import Sequence

from mock_llm import tasks
from mock_llm.completion import Answer, Call
from mock_llm.sentences import Wish, understand
from mock_llm.tasks import Task, ToolFailed
from mock_llm.wire import Message, Request

EXAMPLES = (
    "I understand sentences such as “Add a task to buy groceries”, “Show me all my tasks”, “What "
    "is still open?”, “Mark the first task as complete”, “Reopen task 3”, “Rename task 3 to call "
    "mom” and “Delete the last task”."
)
HELP = f"I am the built-in assistant of this to-do list, not a language model. {EXAMPLES}"
UNKNOWN = f"I did not understand that. {EXAMPLES}"
NO_TITLE = "What should the new task say? For example: “Add a task to buy groceries”"


class _Calls(Exception):
    """A tool has to be called before the turn can go on; the argument is the call."""


class _Turn:
    """The results of the tools since the last message of the user."""

    def __init__(self, request: Request, messages: Sequence[Message]) -> None:
        texts = {message.call_id: message.text for message in messages if message.role == "tool"}
        calls = [call for message in messages for call in message.calls]
        self.results = {name: texts.get(call_id) for name, call_id in calls}
        self.tools = request.tools

    def call(self, tool: str, **arguments: object) -> str | None:
        """What the tool returned. Raises _Calls if it was not called yet."""
        if tool in self.results:
            return self.results[tool]
        if tool not in self.tools:
            raise ToolFailed(f"the tool {tool} is not available")
        raise _Calls(Call(tool, arguments))


def answer(request: Request) -> Answer:
    """The next message of the assistant."""
    places = [i for i, message in enumerate(request.messages) if message.role == "user"]
    if not places:
        return Answer(HELP)
    wish = understand(request.messages[places[-1]].text)
    try:
        return Answer(_text(wish, _Turn(request, request.messages[places[-1] + 1 :])))
    except _Calls as wanted:
        return Answer(call=wanted.args[0])
    except ToolFailed as problem:
        return Answer(f"I could not do that: {problem}.")


def _text(wish: Wish, turn: _Turn) -> str:
    match wish.kind:
        case "help":
            return HELP
        case "unknown":
            return UNKNOWN
        case "add":
            if not wish.title:
                return NO_TITLE
            made = tasks.result(turn.call("add_task", title=wish.title))
            return f"Added {_name(wish.title)} (#{made.get('id')})."
        case "list" | "count":
            return _listing(wish, tasks.listed(turn.call("list_tasks", status=wish.status)))
    found = tasks.named(wish.task, tasks.listed(turn.call("list_tasks", status="all")))
    if len(found) > 1 and wish.kind in ("complete", "reopen"):
        # Of several tasks, the one that can change its state.
        found = [one for one in found if one.completed == (wish.kind == "reopen")] or found
    if not found:
        return f"I found no task that fits {_name(wish.task)}."
    if len(found) > 1:
        return f"Which task do you mean? Please use its number.\n{_lines(found)}"
    (task,) = found
    changes: dict[str, tuple[str, dict[str, object], str]] = {
        "complete": ("complete_task", {}, "Marked {} as done."),
        "delete": ("delete_task", {}, "Deleted {}."),
        "reopen": ("update_task", {"completed": False}, "Reopened {}."),
        "rename": ("update_task", {"title": wish.title}, "Renamed {} to {}."),
    }
    tool, fields, said = changes[wish.kind]
    tasks.result(turn.call(tool, task_id=task.id, **fields))
    return said.format(_name(task.title), _name(wish.title))


def _listing(wish: Wish, found: Sequence[Task]) -> str:
    if not found:
        return "Your list is empty." if wish.status == "all" else f"No task is {wish.status}."
    kind = "" if wish.status == "all" else f"{wish.status} "
    head = f"You have {len(found)} {kind}task{'' if len(found) == 1 else 's'}"
    done = sum(task.completed for task in found)
    if wish.status == "all" and done:
        head += f", {len(found) - done} open and {done} done"
    return f"{head}." if wish.kind == "count" else f"{head}:\n{_lines(found)}"


def _lines(found: Sequence[Task]) -> str:
    states = ["", " (done)"]
    return "\n".join(f"- #{t.id} {_name(t.title)}{states[t.completed]}" for t in found)


def _name(title: str) -> str:
    """A title in quotation marks, on one line."""
    short = " ".join(title.split())
    return f"“{short if len(short) <= 200 else short[:199] + '…'}”"
