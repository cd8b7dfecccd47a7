"""The health of the MCP server and of the model, which only the chat needs."""

import asyncio
import time
from urllib.parse import urlsplit, urlunsplit

import httpx2

from todo_api import tls
from todo_api.chat.model import Model

# The timeout of one check, and how long its result is reused: anybody can request `/ready`.
CHECK_TIMEOUT_S, STATE_TTL_S = 1.0, 2.0
# How long a model counts as down after a failure: checking a paid model would cost money.
FAILURE_TTL_S = 60.0


class Neighbours:
    """Checks them, at most once in `STATE_TTL_S` seconds."""

    def __init__(
        self, mcp_url: str, model: Model, transport: httpx2.AsyncBaseTransport | None = None
    ) -> None:
        self.mcp_url = mcp_url
        self.model = model
        self.client = httpx2.AsyncClient(
            timeout=CHECK_TIMEOUT_S, transport=transport, verify=tls.context(), trust_env=False
        )
        self._asked_at = float("-inf")
        self._one_at_a_time = asyncio.Lock()
        self._states = {"mcp": "off", "ai": "off"}

    async def states(self) -> dict[str, str]:
        """`up`, `down` or `off` for each."""
        if self.mcp_url:
            async with self._one_at_a_time:
                if time.monotonic() - self._asked_at > STATE_TTL_S:
                    mcp, ai = await asyncio.gather(self._mcp(), self._ai())
                    self._states = {"mcp": mcp, "ai": ai}
                    self._asked_at = time.monotonic()
        return self._states

    async def close(self) -> None:
        await self.client.aclose()

    async def _mcp(self) -> str:
        parts = urlsplit(self.mcp_url)
        return await self._answers(urlunsplit((parts.scheme, parts.netloc, "/health", "", "")))

    async def _ai(self) -> str:
        if self.model.provider.mock:
            return await self._answers(f"{self.model.provider.base_url}/models")
        self.model.look()
        failed = time.monotonic() - self.model.failed_at < FAILURE_TTL_S
        return "down" if failed or self.model.is_unlisted else "up"

    async def _answers(self, url: str) -> str:
        try:
            async with asyncio.timeout(CHECK_TIMEOUT_S):
                response = await self.client.get(url)
        except (httpx2.HTTPError, OSError, TimeoutError):
            return "down"
        return "up" if response.status_code == 200 else "down"
