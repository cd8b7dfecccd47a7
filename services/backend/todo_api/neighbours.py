"""Whether the MCP server and the model answer. The chat needs them, the tasks do not."""

import asyncio
import time
from urllib.parse import urlsplit, urlunsplit

import httpx2

from todo_api import tls
from todo_api.chat.model import Model

# Seconds for one question, and that its answer is kept: anybody may ask for our health.
PATIENCE, KEPT = 1.0, 2.0
# Seconds after which a model that failed is no longer said to be down: nobody asks a paid one
# just to know.
FORGOTTEN = 60.0


class Neighbours:
    """Asks them, at most once in `KEPT` seconds."""

    def __init__(
        self, mcp_url: str, model: Model, transport: httpx2.AsyncBaseTransport | None = None
    ) -> None:
        self.mcp_url = mcp_url
        self.model = model
        self.client = httpx2.AsyncClient(
            timeout=PATIENCE, transport=transport, verify=tls.context(), trust_env=False
        )
        self._asked_at = float("-inf")
        self._one_at_a_time = asyncio.Lock()
        self._states = {"mcp": "off", "ai": "off"}

    async def states(self) -> dict[str, str]:
        """`up`, `down` or `off` for each."""
        if self.mcp_url:
            async with self._one_at_a_time:
                if time.monotonic() - self._asked_at > KEPT:
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
        failed = time.monotonic() - self.model.failed_at < FORGOTTEN
        return "down" if failed else "up"

    async def _answers(self, url: str) -> str:
        try:
            async with asyncio.timeout(PATIENCE):
                response = await self.client.get(url)
        except (httpx2.HTTPError, OSError, TimeoutError):
            return "down"
        return "up" if response.status_code == 200 else "down"
