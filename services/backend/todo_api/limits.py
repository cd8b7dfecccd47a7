"""Limits the requests of a user. Redis counts them, or the process itself without it."""

import time
from dataclasses import dataclass, field

from todo_api.cache import Cache
from todo_api.errors import ApiError

MINUTE_S, DAY_S = 60, 24 * 60 * 60
# The number of requests by kind, and the seconds that they are counted for.
LIMITS = {"chat": 30, "api": 600}
# With more users than this in a window, counting starts again, which limits the memory.
MAX_USERS = 10_000


@dataclass
class _Window:
    """The counts of one replica in one window."""

    number: int
    counts: dict[str, int] = field(default_factory=dict)


class Limits:
    """Counts per user, kind of request and window."""

    def __init__(self, cache: Cache, chats_per_day: int) -> None:
        self.cache = cache
        # Each question to a model may cost money.
        self.chats_per_day = chats_per_day
        self._windows: dict[str, _Window] = {}

    async def take(self, kind: str, user: str) -> None:
        """Counts one request; raises `ApiError` if a limit is exceeded."""
        wait = await self._over(kind, user, LIMITS[kind], MINUTE_S)
        if wait:
            message = f"Too many requests in a minute; try again in {wait} seconds."
            raise ApiError(429, message, Retry_After=str(wait))
        if kind != "chat":
            return
        wait = await self._over("day", user, self.chats_per_day, DAY_S)
        if wait:
            hours = -(-wait // 3600)
            message = (
                f"You have asked {self.chats_per_day} questions today, which is the limit; "
                f"try again in {hours} hour{'s' if hours > 1 else ''}."
            )
            raise ApiError(429, message, "day_limit", Retry_After=str(wait))

    async def _over(self, kind: str, user: str, limit: int, seconds: int) -> int:
        """Counts one request; the seconds to wait if the limit is exceeded, or else 0."""
        now = time.time()
        window = int(now // seconds)
        # Also counted here, so that the count is not lost if Redis becomes unavailable.
        here = self._here(kind, user, window)
        key = f"todo:limit:1:{kind}:{user}:{window}"
        everywhere = await self.cache.count(key, 2 * seconds)
        if max(here, everywhere or 0) <= limit:
            return 0
        return max(1, int((window + 1) * seconds - now) + 1)

    def _here(self, kind: str, user: str, number: int) -> int:
        window = self._windows.get(kind)
        if window is None or window.number != number or len(window.counts) > MAX_USERS:
            window = self._windows[kind] = _Window(number)
        window.counts[user] = count = window.counts.get(user, 0) + 1
        return count
