"""Lists of tasks and counts of requests in Redis. Everything works without it.

A list is kept under the user and the version of the user's list in the database. The version is
replaced in the transaction of every change, so nothing has to be deleted here, and a Redis that
was away, or came back with old data, cannot give a wrong answer.
"""

import asyncio
import time
from collections.abc import Awaitable
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from todo_common import logs

# The timeout of a request, the pause after a failure, and how long a list is cached.
TIMEOUT_S, RETRY_PAUSE_S, TTL_S = 0.5, 2.0, 60
# Larger lists are not cached.
MAX_BYTES = 512 * 1024
# Deletes a key only if it still has the value that its owner set.
RELEASE = "return redis.call('get', KEYS[1]) == ARGV[1] and redis.call('del', KEYS[1])"


class Cache:
    """The lists in Redis. With an empty URL, the cache is always empty."""

    def __init__(self, url: str) -> None:
        self.redis: Redis | None = None
        self._again_at = 0.0
        self._away = False
        if url:
            self.redis = Redis.from_url(
                url,
                socket_connect_timeout=TIMEOUT_S,
                socket_timeout=TIMEOUT_S,
                # Tried again at once: after a restart of Redis, every open connection fails once.
                retry=Retry(NoBackoff(), 1),
            )

    @staticmethod
    def key(user: str, version: str, status: str) -> str:
        return f"todo:tasks:1:{user}:{version}:{status}"

    async def get(self, key: str) -> bytes | None:
        if self.redis is None or self._resting():
            return None
        found = await self._tried(self.redis.get(key))
        return found if isinstance(found, bytes) else None

    async def put(self, key: str, value: bytes) -> None:
        if self.redis is None or self._resting() or len(value) > MAX_BYTES:
            return
        await self._tried(self.redis.set(key, value, ex=TTL_S))

    async def count(self, key: str, lifetime: int) -> int | None:
        """Increments a number; None if Redis is not responding."""
        if self.redis is None or self._resting():
            return None
        both = self.redis.pipeline(transaction=True)
        both.incr(key)
        both.expire(key, lifetime)
        found = await self._tried(both.execute())
        return found[0] if found else None

    async def hold(self, key: str, value: str, lifetime: int) -> bool | None:
        """Sets a key that does not exist; False if it does, None if Redis is not responding."""
        if self.redis is None or self._resting():
            return None
        # Not set: the answer is empty, as if Redis did not respond.
        both = self.redis.pipeline(transaction=True)
        both.set(key, value, nx=True, ex=lifetime)
        both.get(key)
        found = await self._tried(both.execute())
        return found[1] == value.encode() if found else None

    async def release(self, key: str, value: str) -> None:
        """Deletes a key that still has this value."""
        if self.redis is not None and not self._resting():
            await self._tried(self.redis.eval(RELEASE, 1, key, value))

    async def answers(self) -> bool:
        """Asks Redis, regardless of earlier failures."""
        return self.redis is not None and bool(await self._tried(self.redis.ping()))

    async def close(self) -> None:
        if self.redis is not None:
            await self.redis.aclose()

    def _resting(self) -> bool:
        return time.monotonic() < self._again_at

    async def _tried(self, call: Awaitable[Any]) -> Any:
        try:
            async with asyncio.timeout(TIMEOUT_S):
                result = await call
        except (RedisError, OSError, TimeoutError) as error:
            self._again_at = time.monotonic() + RETRY_PAUSE_S
            if not self._away:
                logs.warning(
                    "redis is not responding; continuing without it", cause=type(error).__name__
                )
            self._away = True
            return None
        if self._away:
            logs.info("redis is responding again")
        self._away = False
        self._again_at = 0.0
        return result
