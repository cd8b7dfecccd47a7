"""The calls of one user of the load test."""

from random import Random

from schedule import Planned
from trouble import Trouble
from turn import Turn
from user import User

THINGS = ("water the plants", "call the dentist", "buy groceries", "write the report")
# The number of tasks at the start, and the maximum.
FEWEST, MOST = 5, 60


class Person:
    """A user with tasks. A task is used by one call at a time, so that none uses a deleted one."""

    def __init__(self, user: User, rng: Random) -> None:
        self.user, self.rng = user, rng
        self.free: list[int] = []
        self.count = 0

    async def begin(self) -> None:
        """Creates the first tasks."""
        await self.user.token()
        for _ in range(FEWEST):
            if error := await self.do("add"):
                helps = "see the backend's log; are all parts ready? (todo-bootstrap status)"
                raise Trouble(f"{self.user.email} cannot add a task: {error}", helps)

    def settled(self, planned: Planned) -> str:
        """The kind of the call that is made: without tasks, one is added."""
        if planned.kind in ("complete", "rename", "delete") and not self.free:
            return "add"
        return "delete" if planned.kind == "add" and len(self.free) >= MOST else planned.kind

    async def do(self, kind: str) -> str:
        """Makes one task call; returns the error, if any."""
        if kind == "list":
            return await self._list()
        if kind == "add":
            return await self._add()
        number = self.free.pop(self.rng.randrange(len(self.free)))
        path = f"/api/tasks/{number}"
        if kind == "delete":
            reply = await self.user.call("DELETE", path)
            return "" if reply.status == 204 else reply.words()
        title = self._title()
        try:
            if kind == "rename":
                reply = await self.user.call("PATCH", path, {"title": title})
                done = reply.status == 200 and reply.data["title"] == title
            else:
                reply = await self.user.call("POST", f"{path}/complete")
                done = reply.status == 200 and reply.data["completed"] is True
        finally:
            self.free.append(number)
        return "" if done else reply.words()

    async def chat(self) -> Turn:
        """One turn of the chat."""
        wishes = ["add", "show", "open", "count"] + ["complete", "delete"] * bool(self.free)
        wish = self.rng.choice(wishes)
        if wish not in ("complete", "delete"):
            sentence = {
                "add": f"Add a task to {self._title()}",
                "show": "Show me all my tasks",
                "open": "What is still open?",
                "count": "How many tasks do I have?",
            }
            return await self.user.ask(sentence[wish])
        number = self.free.pop(self.rng.randrange(len(self.free)))
        try:
            verb = {"complete": "Mark #{} as complete", "delete": "Delete #{}"}[wish]
            return await self.user.ask(verb.format(number))
        finally:
            if wish == "complete":
                self.free.append(number)

    async def _list(self) -> str:
        status = self.rng.choice(("all", "open", "done"))
        reply = await self.user.call("GET", f"/api/tasks?status={status}")
        return "" if reply.status == 200 and isinstance(reply.data, list) else reply.words()

    async def _add(self) -> str:
        reply = await self.user.call("POST", "/api/tasks", {"title": self._title()})
        if reply.status != 201:
            return reply.words()
        self.free.append(int(reply.data["id"]))
        return ""

    def _title(self) -> str:
        self.count += 1
        return f"{self.rng.choice(THINGS)} {self.count}"
