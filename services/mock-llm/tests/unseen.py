"""Sentences against a list: what is called, in short.

`python -m tests.unseen FILE` tells the misses.
"""

import re
import sys

from tests.support import User, table

LIST = (
    "Buy groceries",
    "Call the dentist",
    "*Pay rent",
    "Finish the quarterly report",
    "Call mom",
    "*Water the plants",
    "Book flight to Berlin",
)
SHORT = {"complete_task": "complete", "delete_task": "delete"}


def heard(text: str) -> str:
    """The calls that a sentence leads to; `ask` and `none` if nothing changes."""
    user = User(*LIST)
    said = user.says(text)
    changes = [_change(name, arguments) for name, arguments in user.changes()]
    titles = [str(a["title"]) for name, a in user.changes() if name == "add_task"]
    plain = all("description" not in a for _, a in user.changes())
    if plain and titles:  # Several new tasks are told as one wish, as in sentences.txt.
        changes = [f"add {' | '.join(titles)}"] + [c for c in changes if not c.startswith("add ")]
    lists = [str(a["status"]) for name, a in user.calls if name == "list_tasks"]
    shown = re.match(r"These fit|Here it is", said)
    if shown:
        ids = re.findall(r"^- #(\d+)", said, re.M)
        changes.append("find " + " ".join(str(int(i) - 10) for i in ids))
    elif said.startswith(("You have", "Your list")) or "\nYou have" in said:
        changes.append(f"show {lists[-1]}")
    if not changes and "new task say?" in said:
        return "add"
    return " && ".join(changes) or ("ask" if lists else "none")


def _change(name: str, arguments: dict[str, object]) -> str:
    task = int(str(arguments.get("task_id", 10))) - 10
    if name == "add_task":
        about = arguments.get("description")
        return f"add {arguments['title']}" + (f" ~ {about}" if about else "")
    if name in SHORT:
        return f"{SHORT[name]} {task}"
    if arguments.keys() == {"task_id", "title"}:
        return f"rename {task} -> {arguments['title']}"
    if arguments.keys() == {"task_id", "description"}:
        return f"describe {task} -> {arguments['description']}"
    if arguments.get("completed") is False:
        return f"reopen {task}"
    return f"update {task}"


def misses(name: str) -> list[tuple[str, str, str]]:
    """Sentence, what was wanted, what was heard instead."""
    told = [(text, wanted, heard(text)) for text, wanted in table(name)]
    return [one for one in told if _sorted(one[2]) not in map(_sorted, one[1].split(" || "))]


def _sorted(calls: str) -> list[str]:
    return sorted(call.strip() for call in calls.split(" && "))


if __name__ == "__main__":
    missed = misses(sys.argv[1])
    for text, wanted, got in missed:
        bad = "!!" if re.search(r"delete|complete|reopen|rename", got) else "  "
        print(f"{bad} {text}   WANTED {wanted}   GOT {got}")
    total = len(table(sys.argv[1]))
    print(f"{len(missed)} of {total} missed: {100 * len(missed) / total:.1f} %")
