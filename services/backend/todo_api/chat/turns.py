"""A question and its answer: streamed as events, limited in time, and always stored."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

from todo_api.chat.agent import ANSWER_TIMEOUT_S, Agent, Answer
from todo_api.chat.failures import ChatError, broken, stopped, too_slow
from todo_api.chat.history import History
from todo_api.chat.running import Running
from todo_api.chat.schemas import MessageOut
from todo_api.errors import ApiError
from todo_common import logs

# How many earlier messages the model receives, and how many characters of each.
MAX_HISTORY, MAX_MESSAGE = 20, 4000


class Events:
    """The events of one answer, from the work to the stream."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[bytes | None] = asyncio.Queue()

    def put(self, name: str, data: dict[str, Any]) -> None:
        self._queue.put_nowait(f"event: {name}\ndata: {json.dumps(data)}\n\n".encode())

    def end(self) -> None:
        self._queue.put_nowait(None)

    async def next(self) -> bytes | None:
        return await self._queue.get()


class Turns:
    """Answers questions, each in a task that is independent of the stream."""

    def __init__(self, agent: Agent, history: History, mock: bool, running: Running) -> None:
        self.agent = agent
        self.running = running
        self.history = history
        self.mock = mock
        # The work of each turn, referenced here because the event loop keeps weak references only.
        self._running: dict[asyncio.Task[None], asyncio.Task[None]] = {}

    async def stream(
        self, user: str, conversation: str, message: str, *, alone: bool
    ) -> AsyncIterator[bytes]:
        """The events of an answer, which stops when the client disconnects.

        With `alone`, the user has no other answer at the same time.
        """
        held = AsyncExitStack()
        await held.enter_async_context(self.running.turn(user, alone=alone))
        try:
            return await self._started(user, conversation, message, held)
        except BaseException:
            await held.aclose()
            raise

    async def _started(
        self, user: str, conversation: str, message: str, held: AsyncExitStack
    ) -> AsyncIterator[bytes]:
        asked = await self.history.add(user, "user", message)
        events = Events()
        events.put("start", {"conversation_id": conversation, "mock": self.mock})
        answer = Answer()
        work = asyncio.create_task(self._work(user, asked, answer, events))
        turn = asyncio.create_task(self._turn(user, work, answer, events, held))
        self._running[turn] = work
        turn.add_done_callback(self._running.pop)
        return self._shown(work, events)

    async def close(self) -> None:
        for work in self._running.values():
            work.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _shown(self, work: asyncio.Task[None], events: Events) -> AsyncIterator[bytes]:
        try:
            while (event := await events.next()) is not None:
                yield event
        finally:
            work.cancel()

    async def _work(self, user: str, asked: int, answer: Answer, events: Events) -> None:
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                # Without newer questions, for example of another window.
                said = await self.history.last(user, MAX_HISTORY, until=asked)
                await self.agent.answer(user, _told(said), answer, events.put)
        except TimeoutError:
            raise too_slow(answer.waits_for) from None

    async def _turn(
        self,
        user: str,
        work: asyncio.Task[None],
        answer: Answer,
        events: Events,
        held: AsyncExitStack,
    ) -> None:
        """Stores the result of the work once. Only the work can be cancelled, not this task."""
        failure, number = await _failure(work), 0
        try:
            # The user and the model need to know what was changed before a failure.
            if failure is None or answer.text or answer.calls:
                number = await self.history.add(user, "assistant", answer.text, answer.calls)
        except Exception as error:
            failure = failure or _user_error(error)
            logs.warning("an answer could not be stored", code=failure.code)
        # Before the last event, after which the client may ask again.
        await held.aclose()
        if failure is None:
            events.put("done", {"message_id": number})
        else:
            events.put("error", {"code": failure.code, "message": failure.message})
        events.end()


async def _failure(work: asyncio.Task[None]) -> ChatError | ApiError | None:
    try:
        await work
        return None
    except asyncio.CancelledError:
        return stopped()
    except Exception as error:
        failure = _user_error(error)
        logs.warning("an answer failed", code=failure.code)
        return failure


def _user_error(error: Exception) -> ChatError | ApiError:
    """Errors for the user as they are; logs all others and returns a general one."""
    if isinstance(error, ChatError | ApiError):
        return error
    logs.log.error("a chat failed", exc_info=error)
    return broken()


def _told(said: list[MessageOut]) -> list[dict[str, Any]]:
    """The earlier messages for the model. Some models reject empty messages."""
    told = []
    for each in said:
        names = ", ".join(call.name for call in each.tool_calls)
        text = each.text or (f"(An answer that was interrupted after: {names})" if names else "")
        if text:
            told.append({"role": each.role, "content": text[:MAX_MESSAGE]})
    return told
