"""A fake MCP server in this process, whose tools use the real internal API."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import httpx2

from tests.support import App

TASK = {"task_id": {"type": "integer"}}
TOOLS: dict[str, dict[str, Any]] = {
    "add_task": {"title": {"type": "string"}},
    "list_tasks": {"status": {"type": "string"}},
    "complete_task": TASK,
    "delete_task": TASK,
    "update_task": TASK | {"title": {"type": "string"}},
}


def result(content: Any, error: bool = False) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": json.dumps(content)}], "isError": error}


class FakeTools:
    """Answers JSON-RPC, unless the test sets `answer`."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.answer: Callable[[httpx2.Request], httpx2.Response] | None = None
        self.tokens: list[str] = []
        self.called: list[str] = []
        # The duration of a call in seconds.
        self.delay = 0.0
        assert app.parts.tools is not None
        app.parts.tools.client = httpx2.AsyncClient(transport=httpx2.MockTransport(self._serve))

    async def _serve(self, request: httpx2.Request) -> httpx2.Response:
        body = json.loads(request.content)
        self.tokens.append(request.headers["Authorization"])
        if self.answer is not None:
            return self.answer(request)
        if body["method"] == "tools/list":
            tools = [
                {"name": name, "inputSchema": {"type": "object", "properties": arguments}}
                for name, arguments in TOOLS.items()
            ]
            return self._says({"tools": tools})
        await asyncio.sleep(self.delay)
        name, arguments = body["params"]["name"], body["params"]["arguments"]
        self.called.append(name)
        unknown = set(arguments) - set(TOOLS[name])
        if unknown:
            return self._says(result(f"{name} has no argument {unknown}.", error=True))
        return self._says(await self._work(name, arguments, self.tokens[-1]))

    async def _work(self, name: str, arguments: dict[str, Any], token: str) -> dict[str, Any]:
        number = arguments.pop("task_id", 0)
        method, path = {
            "add_task": ("POST", ""),
            "list_tasks": ("GET", ""),
            "complete_task": ("POST", f"/{number}/complete"),
            "delete_task": ("DELETE", f"/{number}"),
            "update_task": ("PATCH", f"/{number}"),
        }[name]
        answer = await self.app.client.request(
            method,
            f"/internal/tasks{path}",
            headers={"Authorization": token},
            json=arguments if method in ("POST", "PATCH") else None,
        )
        if answer.is_success:
            return result(answer.json() if answer.content else "deleted")
        return result(answer.json()["error"]["message"], error=True)

    def _says(self, found: dict[str, Any]) -> httpx2.Response:
        return httpx2.Response(200, json={"jsonrpc": "2.0", "id": 1, "result": found})
