"""Limits the requests of a user per minute. Redis counts them, or the process itself without it."""

import time

from todo_api.cache import Cache
from todo_api.errors import ApiError

WINDOW_S = 60
LIMITS = {"chat": 30, "api": 600}
# With more users than this in a minute, counting starts again, which limits the memory.
MAX_USERS = 10_000


class Limits:
    """Counts per user, kind of request and minute."""

    def __init__(self, cache: Cache) -> None:
        self.cache = cache
        self._window = 0
        self._counts: dict[tuple[str, str], int] = {}

    async def take(self, kind: str, user: str) -> None:
        """Counts one request; raises `ApiError` if the limit is exceeded."""
        now = time.time()
        window = int(now // WINDOW_S)
        # Also counted here, so that the count is not lost if Redis becomes unavailable.
        here = self._here(kind, user, window)
        everywhere = await self.cache.count(f"todo:limit:1:{kind}:{user}:{window}", 2 * WINDOW_S)
        if max(here, everywhere or 0) > LIMITS[kind]:
            wait = max(1, int((window + 1) * WINDOW_S - now) + 1)
            message = f"Too many requests in a minute; try again in {wait} seconds."
            raise ApiError(429, message, Retry_After=str(wait))

    def _here(self, kind: str, user: str, window: int) -> int:
        if window != self._window or len(self._counts) > MAX_USERS:
            self._window = window
            self._counts.clear()
        count = self._counts.get((kind, user), 0) + 1
        self._counts[kind, user] = count
        return count
