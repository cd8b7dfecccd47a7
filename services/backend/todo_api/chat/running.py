"""The turns that are running: one for each user, and a limited number for each replica."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from todo_api.cache import Cache
from todo_api.chat.agent import ANSWER_TIMEOUT_S
from todo_api.errors import ApiError

# Longer than any answer: a replica that is killed leaves its mark in Redis for this time.
HELD_S = int(ANSWER_TIMEOUT_S) + 10


class Running:
    """Counts turns that are running. Redis counts across replicas, or the process without it."""

    def __init__(self, cache: Cache, limit: int) -> None:
        self.cache = cache
        self.limit = limit
        self._turns = 0
        self._users: set[str] = set()

    @asynccontextmanager
    async def turn(self, user: str, *, alone: bool) -> AsyncIterator[None]:
        """Raises `ApiError` if there are too many, or, with `alone`, another one of the user."""
        if self._turns >= self.limit:
            message = "Too many questions are being answered; try again in a few seconds."
            raise ApiError(429, message, "busy", Retry_After="5")
        if alone and user in self._users:
            raise _another()
        self._turns += 1
        if alone:
            self._users.add(user)
        key, mark, held = f"todo:turn:1:{user}", uuid.uuid4().hex, None
        try:
            if alone:
                held = await self.cache.hold(key, mark, HELD_S)
                if held is False:
                    raise _another()
            yield
        finally:
            self._turns -= 1
            if alone:
                self._users.discard(user)
            if held:
                await self.cache.release(key, mark)


def _another() -> ApiError:
    message = "Your last question is still being answered; wait for the answer, or stop it."
    return ApiError(429, message, "turn_running", Retry_After="2")
