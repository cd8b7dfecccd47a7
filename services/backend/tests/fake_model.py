"""A model server with scripted responses, over a real socket."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

Act = Callable[[asyncio.StreamWriter], Awaitable[None]]
Step = bytes | tuple[int, str, bytes] | Act


def piece(delta: Any, finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"


def says(*texts: str) -> bytes:
    return b"".join(piece({"content": text}) for text in texts) + piece({}, "stop") + DONE


def call(name: Any, arguments: Any = "{}", **more: Any) -> dict[str, Any]:
    written = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return {"id": "c1", "index": 0, "function": {"name": name, "arguments": written}} | more


def calls(*wanted: dict[str, Any]) -> bytes:
    return piece({"tool_calls": list(wanted)}) + piece({}, "tool_calls") + DONE


async def hangs(writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(60)


async def hangs_up(writer: asyncio.StreamWriter) -> None:
    writer.close()


class FakeModel:
    """Uses one step for each request, and repeats the last one."""

    def __init__(self) -> None:
        self.steps: list[Step] = [says("Hello.")]
        self.seen: list[dict[str, Any]] = []
        self.headers: list[str] = []
        # The models that it lists.
        self.listed: Any = []
        self.server: asyncio.Server | None = None
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The last request to the model."""
        found: list[dict[str, Any]] = self.seen[-1]["messages"]
        return found

    async def start(self) -> None:
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self.server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self.server is not None:
            self.server.close()
            self.server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            length = head.lower().partition("content-length:")[2].split("\r\n")[0].strip()
            body = await reader.readexactly(int(length or 0))
            if body:
                self.headers.append(head)
                self.seen.append(json.loads(body))
                step = self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]
            else:
                step = (200, "application/json", json.dumps({"data": self.listed}).encode())
            await self._take(step, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _take(self, step: Step, writer: asyncio.StreamWriter) -> None:
        if callable(step):
            await step(writer)
            return
        if isinstance(step, bytes):
            step = (200, "text/event-stream", step)
        status, kind, content = step
        head = f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nConnection: close\r\n\r\n"
        writer.write(head.encode() + content)
        await writer.drain()
