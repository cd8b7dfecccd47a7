"""A user with a to-do list, whose tools run the calls of the mock."""

import json
from typing import Any

from mock_llm import planner, wire
from mock_llm.completion import whole

NAMES = ("add_task", "list_tasks", "complete_task", "delete_task", "update_task")


def tools(*names: str) -> list[dict[str, Any]]:
    return [{"type": "function", "function": {"name": name}} for name in names]


class User:
    """`*` before a title marks a completed task. The IDs start at 11."""

    def __init__(self, *titles: str, fails: str = "", offered: tuple[str, ...] = NAMES) -> None:
        self.tasks: list[dict[str, Any]] = []
        for title in titles:
            self.add(title.removeprefix("*"), title.startswith("*"))
        self.fails, self.offered = fails, offered
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def add(self, title: str, completed: bool = False) -> dict[str, Any]:
        number = 1 + max((task["id"] for task in self.tasks), default=10)
        self.tasks.append({"id": number, "title": title, "completed": completed})
        return self.tasks[-1]

    def titles(self) -> str:
        return ",".join(("*" if task["completed"] else "") + task["title"] for task in self.tasks)

    def says(self, text: str) -> str:
        """One turn: runs the calls and returns the final text."""
        messages: list[dict[str, Any]] = [{"role": "user", "content": text}]
        self.calls = []
        for _ in range(4):
            body = {"model": "m", "messages": messages, "tools": tools(*self.offered)}
            request = wire.read(json.dumps(body).encode())
            message = whole(request, planner.answer(request))["choices"][0]["message"]
            messages.append(message)
            if not message.get("tool_calls"):
                return str(message["content"])
            for call in message["tool_calls"]:
                result = self._run(call["function"]["name"], call["function"]["arguments"])
                messages.append({"role": "tool", "tool_call_id": call["id"], "content": result})
        raise AssertionError("the turn does not end")

    def _run(self, name: str, text: str) -> str:
        arguments = json.loads(text)
        assert name in self.offered
        self.calls.append((name, arguments))
        if name == self.fails:
            return f"Error executing tool {name}: the backend is away."
        return json.dumps(self._tool(name, **arguments))

    def _tool(self, name: str, task_id: int = 0, status: str = "all", **fields: Any) -> Any:
        if name == "list_tasks":
            wanted = {"all": (True, False), "open": (False,), "done": (True,)}[status]
            return {"tasks": [task for task in self.tasks if task["completed"] in wanted]}
        if name == "add_task":
            return self.add(**fields)
        (task,) = (task for task in self.tasks if task["id"] == task_id)
        if name == "delete_task":
            self.tasks.remove(task)
            return {"deleted_task_id": task_id}
        return task.update({"completed": True} if name == "complete_task" else fields) or task
