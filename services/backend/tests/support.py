"""Helpers: an application under test with its client."""

import asyncio
import time
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI
from httpx2 import AsyncClient, Response

from todo_api.identity import current_user
from todo_api.runtime import Runtime
from todo_testing.tokens import minted

TOKEN = "token-canary-of-thirty-two-characters"


@dataclass
class App:
    """A running application."""

    api: FastAPI
    client: AsyncClient

    @property
    def parts(self) -> Runtime:
        runtime = self.api.state.runtime
        assert isinstance(runtime, Runtime)
        return runtime

    async def ready(self, status: int = 200, seconds: float = 15) -> dict[str, Any]:
        """Waits until `/ready` has this status."""
        deadline = time.monotonic() + seconds
        while True:
            answer = await self.client.get("/ready")
            if answer.status_code == status:
                found: dict[str, Any] = answer.json()
                return found
            assert time.monotonic() < deadline, answer.text
            await asyncio.sleep(0.05)

    def become(self, user: str) -> None:
        """Sets the user of the requests through the ingress."""
        self.api.dependency_overrides[current_user] = lambda: user

    async def add(self, title: str, **fields: object) -> dict[str, Any]:
        answer = await self.client.post("/api/tasks", json={"title": title, **fields})
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def titles(self, status: str = "all") -> list[str]:
        answer = await self.client.get("/api/tasks", params={"status": status})
        assert answer.status_code == 200, answer.text
        return [task["title"] for task in answer.json()]

    async def internal(
        self, method: str, path: str, user: str = "local", **options: Any
    ) -> Response:
        headers = {"Authorization": f"Bearer {minted(TOKEN, user)}"}
        return await self.client.request(
            method, f"/internal/tasks{path}", headers=headers, **options
        )


def refused(answer: Response, status: int, code: str) -> str:
    """Asserts the format of an error; returns its message."""
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert set(body) == {"error", "request_id"}
    assert set(body["error"]) == {"code", "message"}
    assert body["error"]["code"] == code
    assert body["request_id"] == answer.headers["X-Request-ID"] != ""
    message = body["error"]["message"]
    assert isinstance(message, str)
    return message
