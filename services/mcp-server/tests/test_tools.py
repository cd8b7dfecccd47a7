"""The five tools, through a real backend."""

import json
from typing import Any
from urllib.request import urlopen

import pytest

from tests.support import Tools
from todo_testing.program import Program

NAMES = {"add_task", "list_tasks", "complete_task", "delete_task", "update_task"}


async def test_they_are_described_and_know_no_user(tools: Tools) -> None:
    found = (await tools.client.list_tools()).tools
    assert {tool.name for tool in found} == NAMES
    for tool in found:
        assert tool.description and tool.output_schema
        assert tool.input_schema["additionalProperties"] is False
        assert "user" not in json.dumps(list(tool.input_schema["properties"]))
        assert tool.annotations is not None
        assert tool.annotations.open_world_hint is False
        for argument in tool.input_schema["properties"].values():
            assert argument.get("type") or argument.get("anyOf")


async def test_a_task_from_beginning_to_end(tools: Tools, api: Program) -> None:
    task = await tools.call("add_task", title=" Buy groceries ", description="milk")
    assert (task["title"], task["description"], task["completed"]) == (
        "Buy groceries",
        "milk",
        False,
    )
    await tools.call("add_task", title="Call mum")
    assert await tools.titles() == ["Buy groceries", "Call mum"]
    # The same rows through the API for users.
    with urlopen(f"{api.url}/api/tasks") as answer:
        assert task["id"] in [row["id"] for row in json.load(answer)]

    done = await tools.call("complete_task", task_id=task["id"])
    assert done["completed"] is True
    assert await tools.titles("open") == ["Call mum"]
    assert await tools.titles("done") == ["Buy groceries"]

    changed = await tools.call("update_task", task_id=task["id"], title="Buy bread")
    assert (changed["title"], changed["description"]) == ("Buy bread", "milk")
    assert changed["completed"] is True
    changed = await tools.call("update_task", task_id=task["id"], description="", completed=False)
    assert (changed["title"], changed["description"]) == ("Buy bread", None)
    assert changed["completed"] is False

    gone = await tools.call("delete_task", task_id=task["id"])
    assert gone == {"deleted_task_id": task["id"]}
    assert await tools.titles() == ["Call mum"]


async def test_a_list_is_short_and_never_cut(tools: Tools) -> None:
    await tools.call("add_task", title="Milk", description="d" * 500)
    (task,) = (await tools.call("list_tasks"))["tasks"]
    assert set(task) == {"id", "title", "description", "completed"}
    assert task["description"] == "d" * 200
    for _ in range(140):
        await tools.call("add_task", title="x" * 200)
    assert len((await tools.call("list_tasks"))["tasks"]) == 141
    more = [await tools.call("add_task", title="x" * 200) for _ in range(20)]
    message = await tools.error("list_tasks")
    assert "161 tasks" in message and "too many" in message
    for task in more:
        await tools.call("delete_task", task_id=task["id"])


async def test_tasks_that_do_not_exist(tools: Tools) -> None:
    for name, more in (("complete_task", {}), ("delete_task", {}), ("update_task", {"title": "x"})):
        message = await tools.error(name, task_id=999_999, **more)
        assert "There is no task 999999." in message


WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("add_task", {}, "title"),
    ("add_task", {"title": ""}, "title"),
    ("add_task", {"title": "   "}, "title"),
    ("add_task", {"title": "x" * 201}, "title"),
    ("add_task", {"title": "a\x00b"}, "title"),
    ("add_task", {"title": "a\nb"}, "title"),
    ("add_task", {"title": "\u200b"}, "title"),
    ("add_task", {"title": ["x"]}, "title"),
    ("add_task", {"title": "x", "y" * 9000: 1}, "no argument yyy"),
    ("add_task", {"title": 7}, "title"),
    ("add_task", {"title": "x", "description": "x" * 2001}, "description"),
    ("list_tasks", {"status": "late"}, "status"),
    ("complete_task", {"task_id": 0}, "task_id"),
    ("complete_task", {"task_id": "x"}, "task_id"),
    ("complete_task", {"task_id": -1}, "task_id"),
    ("complete_task", {"task_id": 1.5}, "task_id"),
    ("complete_task", {"task_id": None}, "task_id"),
    ("complete_task", {"task_id": [1]}, "task_id"),
    ("complete_task", {"task_id": 2**63}, "task_id"),
    # In Python, true equals 1.
    ("delete_task", {"task_id": True}, "task_id"),
    ("delete_task", {}, "task_id"),
    ("delete_task", {"task_id": 2**31}, "task_id"),
    ("update_task", {"task_id": 1}, "at least one"),
    ("update_task", {"task_id": 1, "completed": "perhaps"}, "completed"),
    # A model cannot choose a user.
    ("add_task", {"title": "x", "user_id": "eve"}, "no argument user_id"),
    ("list_tasks", {"user": "eve"}, "no argument user"),
]


@pytest.mark.parametrize("name, arguments, named", WRONG)
async def test_arguments_that_are_wrong(
    tools: Tools, name: str, arguments: dict[str, Any], named: str
) -> None:
    message = await tools.error(name, **arguments)
    assert named in message and "pydantic" not in message and len(message) < 500
    assert await tools.titles() == []


async def test_texts_of_all_languages(tools: Tools) -> None:
    titles = ["Käse 🧀 牛乳 '; DROP TABLE tasks; --", "\u202egnp.exe", "🧑\u200d🚀"]
    for title in titles:
        await tools.call("add_task", title=title)
    assert await tools.titles() == titles
