"""One question and its answer: as a stream of events, within its time, kept whatever happens."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from typing import Any

from todo_api import logs
from todo_api.chat.agent import PATIENCE, Agent, Answer
from todo_api.chat.failures import ChatError, too_slow
from todo_api.chat.history import History
from todo_api.chat.schemas import MessageOut
from todo_api.errors import ApiError

# Messages that the model is told of what was said before, and characters of each.
REMEMBERED, MAX_REMEMBERED = 20, 4000

log = logging.getLogger("todo_api.chat")


class Turns:
    """Answers questions. Each runs as a task of its own, apart from the stream that shows it."""

    def __init__(self, agent: Agent, history: History, mock: bool) -> None:
        self.agent = agent
        self.history = history
        self.mock = mock
        # The event loop itself does not keep a task alive.
        self._running: set[asyncio.Task[None]] = set()

    async def stream(self, user: str, conversation: str, message: str) -> AsyncIterator[bytes]:
        """The events of an answer. Whoever stops listening stops it."""
        await self.history.add(user, "user", message)
        events: asyncio.Queue[tuple[str, dict[str, Any]] | None] = asyncio.Queue()
        events.put_nowait(("start", {"conversation_id": conversation, "mock": self.mock}))
        task = asyncio.create_task(self._run(user, events))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return self._shown(task, events)

    async def close(self) -> None:
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _shown(
        self, task: asyncio.Task[None], events: asyncio.Queue[tuple[str, dict[str, Any]] | None]
    ) -> AsyncIterator[bytes]:
        try:
            while (event := await events.get()) is not None:
                name, data = event
                yield f"event: {name}\ndata: {json.dumps(data)}\n\n".encode()
        finally:
            task.cancel()

    async def _run(
        self, user: str, events: asyncio.Queue[tuple[str, dict[str, Any]] | None]
    ) -> None:
        answer = Answer()

        def emit(name: str, data: dict[str, Any]) -> None:
            events.put_nowait((name, data))

        try:
            try:
                async with asyncio.timeout(PATIENCE):
                    said = await self.history.last(user, REMEMBERED)
                    await self.agent.answer(user, _told(said), answer, emit)
            except TimeoutError:
                raise too_slow(answer.waits_for) from None
            emit("done", {"message_id": await self._keep(user, answer)})
        except (ChatError, ApiError) as error:
            logs.warning("an answer broke off", code=error.code)
            await self._keep_what_was_done(user, answer)
            emit("error", {"code": error.code, "message": error.message})
        except asyncio.CancelledError:
            await self._keep_what_was_done(user, answer)
            raise
        except Exception:
            log.exception("a chat failed")
            await self._keep_what_was_done(user, answer)
            emit("error", {"code": "internal_error", "message": "Something went wrong here."})
        finally:
            events.put_nowait(None)

    async def _keep(self, user: str, answer: Answer) -> int:
        return await self.history.add(user, "assistant", answer.text, answer.calls)

    async def _keep_what_was_done(self, user: str, answer: Answer) -> None:
        # The user, and the model the next time, must know what was changed before it broke off.
        if not answer.text and not answer.calls:
            return
        try:
            await self._keep(user, answer)
        except ApiError:
            log.warning("an answer that broke off could not be kept")


def _told(said: list[MessageOut]) -> list[dict[str, Any]]:
    # Some models refuse messages that are empty.
    return [
        {"role": each.role, "content": each.text[:MAX_REMEMBERED]} for each in said if each.text
    ]
