"""What tests share: a to-do list that runs the calls, and a client that leads the conversation."""

import json
from pathlib import Path
from typing import Any

from mock_llm import planner, wire
from mock_llm.completion import whole
from mock_llm.intents import (
    Add,
    Complete,
    Delete,
    Describe,
    Find,
    Intent,
    Rename,
    Reopen,
    Say,
    Show,
)  # fmt: skip
from mock_llm.text import restore

NAMES = ("add_task", "list_tasks", "complete_task", "delete_task", "update_task")


def table(name: str) -> list[tuple[str, str]]:
    """The lines of a file of this folder, parted at the arrow."""
    lines = (Path(__file__).parent / name).read_text(encoding="utf-8").splitlines()
    parted = [line.split(" => ", 1) for line in lines if not line.startswith("#")]
    return [(sentence, wanted.strip()) for sentence, wanted in parted]


def tools(*names: str) -> list[dict[str, Any]]:
    return [{"type": "function", "function": {"name": name}} for name in names]


def told(intent: Intent) -> str:
    """A wish in short, as the table of sentences has it."""
    match intent:
        case Add():
            return f"add {' | '.join(intent.titles)}" + (
                f" ~ {d}" if (d := intent.description) else ""
            )
        case Show():
            return f"{'count' if intent.counting else 'show'} {intent.status}"
        case Find() | Complete() | Reopen() | Delete():
            return f"{type(intent).__name__.lower()} {restore(intent.phrase)}"
        case Rename() | Describe():
            phrase, text = intent.options[0]
            return f"{type(intent).__name__.lower()} {restore(phrase)} -> {text}"
        case Say():
            return f"say {intent.kind}"
        case _:
            return "unknown"


class User:
    """A user with a list and a conversation; `*` before a title makes the task done."""

    def __init__(self, *titles: str, first: int = 11, fails: str = "", **options: Any) -> None:
        self.tasks: list[dict[str, Any]] = [
            {"id": first + i, "title": t.removeprefix("*"), "description": None,
             "completed": t.startswith("*")}
            for i, t in enumerate(titles)
        ]  # fmt: skip
        self.next_id = first + len(titles)
        self.fails = fails
        self.options: dict[str, Any] = {"model": "mock-todo", "tools": tools(*NAMES)} | options
        self.history: list[dict[str, Any]] = []
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.unknown_ids: list[int] = []

    def titles(self) -> list[str]:
        return [("*" if task["completed"] else "") + str(task["title"]) for task in self.tasks]

    def changes(self) -> list[tuple[str, dict[str, Any]]]:
        return [call for call in self.calls if call[0] != "list_tasks"]

    def says(self, text: str) -> str:
        """One turn: the calls are run, the final sentence is returned."""
        self.history.append({"role": "user", "content": text})
        messages, self.calls = list(self.history), []
        for _ in range(40):
            body = json.dumps(self.options | {"messages": messages}).encode()
            request = wire.read(body)
            message = whole(request, planner.answer(request))["choices"][0]["message"]
            messages.append(message)
            if not message.get("tool_calls"):
                self.history.append({"role": "assistant", "content": message["content"]})
                return str(message["content"])
            for call in message["tool_calls"]:
                messages.append(self._run(call))
        raise AssertionError("the turn does not end")

    def _run(self, call: dict[str, Any]) -> dict[str, Any]:
        name, arguments = call["function"]["name"], json.loads(call["function"]["arguments"])
        assert name in {tool["function"]["name"] for tool in self.options["tools"]}
        self.calls.append((name, arguments))
        failed = f"Error executing tool {name}: the backend is away"
        content = failed if name == self.fails else json.dumps(self._tool(name, arguments))
        return {"role": "tool", "tool_call_id": call["id"], "content": content}

    def _tool(self, name: str, arguments: dict[str, Any]) -> Any:
        if name == "list_tasks":
            wanted = {"all": (True, False), "open": (False,), "done": (True,)}[arguments["status"]]
            return {"tasks": [task for task in self.tasks if task["completed"] in wanted]}
        if name == "add_task":
            task = {"id": self.next_id, "description": "", "completed": False} | arguments
            self.next_id += 1
            self.tasks.append(task)
            return task
        found = [task for task in self.tasks if task["id"] == arguments["task_id"]]
        if not found:
            self.unknown_ids.append(arguments["task_id"])
            return {"error": "There is no such task."}
        if name == "delete_task":
            self.tasks.remove(found[0])
            return {"deleted_task_id": found[0]["id"]}
        change = {"completed": True} if name == "complete_task" else dict(arguments)
        change.pop("task_id", None)
        found[0].update(change)
        return found[0]
