"""Operations of users on their own tasks. Each response is compared with the model."""

import re

from model import task_differences
from player import Player

_LINE = re.compile(r"^- #(\d+) ", re.MULTILINE)


async def list_tasks(player: Player) -> None:
    """The list, with each of its filters."""
    status = player.rng.choice(("all", "open", "done"))
    for sentence in await player.check(f"list {status}", status):
        player.differ(sentence)


async def add(player: Player) -> None:
    """A new task, with or without a description."""
    title = player.title()
    description = player.rng.choice((None, f"details {player.mark}"))
    reply = await player.call("POST", "/api/tasks", {"title": title, "description": description})
    if not player.expect("add", reply, 201):
        return
    task = reply.data
    wanted = task | {"title": title, "description": description, "completed": False}
    for sentence in task_differences(wanted, task):
        player.differ(f"add: {sentence}")
    player.model.tasks[int(task["id"])] = task


async def read(player: Player) -> None:
    """One task by its id."""
    number = player.any_id()
    if number is None:
        return
    reply = await player.call("GET", f"/api/tasks/{number}")
    if player.expect(f"read {number}", reply, 200):
        for sentence in task_differences(player.model.tasks[number], reply.data):
            player.differ(f"read: {sentence}")


async def update(player: Player) -> None:
    """Another title, another description, done or open again."""
    new = {
        "title": player.title(),
        "description": player.rng.choice((None, f"other details {player.mark}")),
        "completed": player.rng.random() < 0.5,
    }
    names = player.rng.sample(sorted(new), player.rng.randint(1, 3))
    await _change(player, "update", "PATCH", "", {name: new[name] for name in names}, True)


async def complete(player: Player) -> None:
    """A task is done."""
    await _change(player, "complete", "POST", "/complete", {"completed": True}, False)


async def delete(player: Player) -> None:
    """A task is deleted, and cannot be read any more."""
    number = player.any_id()
    if number is None:
        return
    reply = await player.call("DELETE", f"/api/tasks/{number}")
    if player.expect(f"delete {number}", reply, 204):
        del player.model.tasks[number]
        gone = await player.call("GET", f"/api/tasks/{number}")
        player.expect(f"read the deleted {number}", gone, 404)


async def chat_add(player: Player) -> None:
    """The chat adds a task."""
    title = player.title()
    if not await player.ask("chat: add", f"Add a task to {title}"):
        await player.after_chat("chat: add", set())
        return
    made = await player.new_task(title)
    if made is None:
        if player.exact:
            player.differ(f"chat: add: no task has the title {title!r}")
    else:
        wanted = made | {"description": None, "completed": False}
        for sentence in task_differences(wanted, made) if player.exact else []:
            player.differ(f"chat: add: {sentence}")
        player.model.tasks[int(made["id"])] = made
    await player.after_chat("chat: add", set())


async def chat_list(player: Player) -> None:
    """The chat lists all tasks of the user and no others."""
    turn = await player.ask("chat: list", "Show me all my tasks")
    if turn and player.exact:
        given, wanted = [int(one) for one in _LINE.findall(turn.said)], sorted(player.model.tasks)
        if given != wanted:
            player.differ(f"chat: list: shows the tasks {given}, and not {wanted}")
    await player.after_chat("chat: list", set())


async def chat_complete(player: Player) -> None:
    """The chat completes a task."""
    number = player.any_id()
    if number is None:
        return
    if await player.ask("chat: complete", f"Mark #{number} as complete"):
        player.model.tasks[number] = player.model.tasks[number] | {"completed": True}
    await player.after_chat("chat: complete", {number})


async def chat_delete(player: Player) -> None:
    """The chat deletes a task."""
    number = player.any_id()
    if number is None:
        return
    if await player.ask("chat: delete", f"Delete #{number}"):
        del player.model.tasks[number]
    await player.after_chat("chat: delete", set())


async def history(player: Player) -> None:
    """The history of the chat."""
    for sentence in await player.check_history("history"):
        player.differ(sentence)


async def _change(
    player: Player, what: str, method: str, below: str, fields: dict[str, object], sent: bool
) -> None:
    number = player.any_id()
    if number is None:
        return
    path = f"/api/tasks/{number}{below}"
    reply = await player.call(method, path, fields if sent else None)
    if player.expect(f"{what} {number}", reply, 200):
        wanted = player.model.tasks[number] | fields
        for sentence in task_differences(wanted, reply.data, changed=True):
            player.differ(f"{what}: {sentence}")
        player.model.tasks[number] = reply.data
