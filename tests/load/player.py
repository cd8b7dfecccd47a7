"""A user of the isolation test: the expected data, and the comparison with responses."""

import asyncio
from random import Random
from typing import Any

from marks import Findings
from model import Model, Task, differences
from turn import Turn
from user import Reply, User

HISTORY = 50


class Player:
    """Hold `lock` to change or compare the data of the user."""

    def __init__(self, user: User, rng: Random, own: str, exact: bool, findings: Findings) -> None:
        self.user, self.rng, self.mark, self.findings = user, rng, own, findings
        # Whether the chat does exactly what a sentence says, as the mock does.
        self.exact = exact
        self.model = Model()
        self.lock = asyncio.Lock()
        self.conversation = ""
        self.count = 0
        # How often the chat was asked for the tasks of another user.
        self.persuaded = 0

    def title(self) -> str:
        """A new title, unique for the user."""
        self.count += 1
        return f"{self.rng.choice(('water', 'paint', 'sell', 'wash'))} it {self.count} {self.mark}"

    def any_id(self) -> int | None:
        """One of the user's tasks, if there are any."""
        every = sorted(self.model.tasks)
        return every[self.rng.randrange(len(every))] if every else None

    async def call(self, method: str, path: str, body: Any = None, **more: Any) -> Reply:
        """A request, which is sent again later if the limit is exceeded."""
        return await self.user.call(method, path, body, patient=True, **more)

    def expect(self, what: str, reply: Reply, status: int) -> bool:
        """Checks the status of a response."""
        if reply.status != status:
            self.differ(f"{what}: {reply.words()}, and not {status}")
        return reply.status == status

    def differ(self, sentence: str) -> None:
        """Reports a difference."""
        self.findings.differ(f"{self.user.email}: {sentence}")

    async def check(self, what: str, status: str = "all", **more: Any) -> list[str]:
        """Compares the user's list with the model, which then takes what is new."""
        return await self.settle(what, set(), status, **more)

    async def settle(
        self, what: str, changed: set[int], status: str = "all", query: str = "", **more: Any
    ) -> list[str]:
        """The same, after the chat has changed tasks."""
        reply = await self.call("GET", f"/api/tasks?status={status}{query}", **more)
        if reply.status != 200:
            return [f"{what}: {reply.words()}"]
        found = differences(self.model.listed(status), reply.data, changed)
        if status == "all" and isinstance(reply.data, list) and (found or changed):
            self.model.take(reply.data)
        return [f"{what}: {sentence}" for sentence in found]

    async def check_history(self, what: str, query: str = "", **more: Any) -> list[str]:
        """Compares the history of the chat with the model."""
        reply = await self.call("GET", f"/api/chat/messages?limit={HISTORY}{query}", **more)
        if reply.status != 200 or not isinstance(reply.data, list):
            return [f"{what}: {reply.words()}"]
        given = [(each.get("role"), each.get("text")) for each in reply.data]
        if given == self.model.said[-HISTORY:]:
            return []
        self.model.said = given
        return [f"{what}: the chat's history is not what was said"]

    async def ask(self, what: str, message: str, **more: Any) -> Turn | None:
        """A turn of the chat; None if it failed."""
        turn = await self.user.ask(message, patient=True, **more)
        failure = turn.failure()
        if turn.status == 200:
            self.model.said.append(("user", message))
            if turn.said or turn.named("tool_call"):
                self.model.said.append(("assistant", turn.said))
            if self.conversation and turn.conversation != self.conversation:
                self.differ(f"{what}: the conversation is another one")
            self.conversation = turn.conversation
        if failure and (self.exact or turn.status != 200 or not turn.named("tool_result")):
            self.differ(f"{what}: {failure}")
            return None
        return turn

    async def after_chat(self, what: str, changed: set[int]) -> None:
        """Compares the list after a turn; differences of a real AI are not reported."""
        found = await self.settle(what, changed)
        for sentence in found if self.exact else []:
            self.differ(sentence)

    async def new_task(self, title: str) -> Task | None:
        """The task with that title that the chat has just created."""
        reply = await self.call("GET", "/api/tasks")
        for task in reply.data if reply.status == 200 else []:
            if task["title"] == title and int(task["id"]) not in self.model.tasks:
                found: Task = task
                return found
        return None
