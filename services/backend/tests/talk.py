"""A chat under test: the application, its model and its tools."""

import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from httpx2 import Response

from tests.conftest import Start
from tests.fake_model import FakeModel, Step
from tests.fake_tools import FakeTools
from tests.support import TOKEN, App

MCP = "http://mcp-server:8001/mcp"
Event = tuple[str, dict[str, Any]]


def events(answer: Response) -> list[Event]:
    """The events of an answer, with the checks that hold for all answers."""
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"].startswith("text/event-stream")
    assert "Traceback" not in answer.text and TOKEN not in answer.text
    found = []
    for block in answer.text.removesuffix("\n\n").split("\n\n"):
        name, data = block.split("\n")
        found.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    names = [name for name, _ in found]
    assert names[0] == "start" and names[-1] in ("done", "error")
    assert not {"start", "done", "error"} & set(names[1:-1])
    # Every call has a result, unless the answer was interrupted in it.
    open_calls = names.count("tool_call") - names.count("tool_result")
    assert open_calls == 0 or (open_calls == 1 and names[-1] == "error")
    return found


@dataclass
class Talk:
    app: App
    model: FakeModel
    tools: FakeTools
    asked: int = 0

    async def ask(self, message: str, *steps: Step, **more: Any) -> list[Event]:
        if steps:
            self.model.steps = list(steps)
        body = {"message": message, **more}
        self.asked += 1
        return events(await self.app.client.post("/api/chat", json=body))

    async def fails(self, *steps: Step) -> str:
        """The code of the error event at the end of the answer."""
        name, data = (await self.ask("x", *steps))[-1]
        assert name == "error" and data["message"] and "Error" not in data["message"]
        return str(data["code"])

    async def messages(self, limit: int = 50) -> list[dict[str, Any]]:
        answer = await self.app.client.get("/api/chat/messages", params={"limit": limit})
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()
        return found


def text(found: list[Event]) -> str:
    return "".join(data["text"] for name, data in found if name == "delta")


def results(found: list[Event]) -> list[tuple[str, bool]]:
    return [(data["name"], data["ok"]) for name, data in found if name == "tool_result"]


@contextlib.asynccontextmanager
async def talking(start: Start, **env: str) -> AsyncIterator[Talk]:
    model = FakeModel()
    await model.start()
    try:
        base = {"MCP_SERVER_URL": MCP, "MOCK_LLM_URL": model.url, "AI_MOCK": "true"}
        async with start(**(base | env)) as app:
            yield Talk(app, model, FakeTools(app))
    finally:
        await model.stop()
