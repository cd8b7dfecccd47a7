"""The sentences that the stand-in says."""

from collections.abc import Sequence

from mock_llm.intents import Show, Talk
from mock_llm.tasks import Task

ASK_TITLE = "What should the new task say?"
ASK_WORDS = "What should the new title be?"
EXAMPLES = (
    "For example: “Add a task to buy groceries”, “Show me all my tasks”, “What is still open?”, "
    "“Mark the first task as complete”, “Rename task 3 to call mom” or “Delete the last task”."
)
TALK: dict[Talk, str] = {
    "greeting": "Hello! I look after your to-do list. " + EXAMPLES,
    "thanks": "You are welcome!",
    "bye": "Goodbye! Your list stays as it is.",
    "help": "I can add, show, complete, reopen, rename and delete your tasks. " + EXAMPLES,
    "who": "I am the built-in assistant of this to-do list: a simple stand-in for a language "
    "model, which understands plain sentences about your tasks.",
    "mood": "All is well here. What shall I do with your list?",
    "never mind": "All right, nothing was changed.",
    "others": "I only have your own list here; nobody else’s tasks can be seen or changed by me.",
    "yes": "Fine. Tell me what to do with your list. " + EXAMPLES,
}
UNKNOWN = "I did not understand that; I only know about your to-do list. " + EXAMPLES
NO_TOOLS = "I cannot do that: I was not given the tools to work on your list."
LONGEST_LIST = 100


def name(text: str) -> str:
    """A title between quotation marks, on one line."""
    short = " ".join(text.split())
    return f"“{short if len(short) <= 200 else short[:199] + '…'}”"


def joined(parts: Sequence[str]) -> str:
    """`a, b and c`."""
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def line(task: Task, state: bool = True) -> str:
    """A task in a list; its id is how the user can name it."""
    note = f" – {' '.join(task.description.split())[:120]}" if task.description.strip() else ""
    return f"- #{task.id} {name(task.title)}{' (done)' if state and task.completed else ''}{note}"


def lines(tasks: Sequence[Task], state: bool = True) -> str:
    """Tasks, one in each line."""
    made = [line(task, state) for task in tasks[:LONGEST_LIST]]
    more = len(tasks) - len(made)
    return "\n".join([*made, f"and {more} more."] if more else made)


def listing(intent: Show, tasks: Sequence[Task]) -> str:
    """The list, or its part, or its size."""
    wanted = [
        t for t in tasks if intent.status == "all" or t.completed == (intent.status == "done")
    ]
    many = f"{len(wanted)} task{'' if len(wanted) == 1 else 's'}"
    done = sum(task.completed for task in wanted)
    if not wanted:
        return {
            "all": "Your list is empty. Say “Add a task to buy groceries” to begin it.",
            "open": "You have no open tasks: nothing is left to do.",
            "done": "You have no finished tasks yet.",
        }[intent.status]
    if intent.status == "open":
        head = f"You have {many.replace('task', 'open task')}"
    elif intent.status == "done":
        head = f"You have finished {many}"
    else:
        head = f"You have {many}" + (f", {len(wanted) - done} open and {done} done" if done else "")
    return f"{head}." if intent.counting else f"{head}:\n{lines(wanted, intent.status == 'all')}"


def which(words: str, tasks: Sequence[Task]) -> str:
    """The question for one of several tasks."""
    by = f" by {name(words)}" if words else ""
    return f"Which task do you mean{by}?\n{lines(tasks)}"


def missing(words: str) -> str:
    """No task fits."""
    return f"I found no task that fits {name(words)}." if words else "There is no such task."
