"""The tools of the MCP server: JSON-RPC over HTTP, one request each, as it keeps no session.

Each request carries a token of the user whose turn it is; nothing that a model writes changes it.
"""

import asyncio
from dataclasses import dataclass
from typing import Any

import httpx2

from todo_api import service_token, tls
from todo_api.chat.failures import tools_away
from todo_api.chat.replies import clean
from todo_common import logs

# Seconds to connect, for one answer, and before a second try to connect.
CONNECT, PATIENCE, PAUSE = 2.0, 15.0, 0.3
# Characters of a result that the model gets to read: some hundred tasks.
MAX_RESULT = 60_000


@dataclass(frozen=True)
class Result:
    """What a tool gave."""

    ok: bool
    text: str


class Tools:
    """A pool of connections to the MCP server."""

    def __init__(
        self, url: str, secret: str, transport: httpx2.AsyncBaseTransport | None = None
    ) -> None:
        self.url, self.secret = url, secret
        self.client = httpx2.AsyncClient(
            timeout=httpx2.Timeout(PATIENCE, connect=CONNECT),
            transport=transport,
            verify=tls.context(),
            # A neighbour: no proxy of the environment stands between.
            trust_env=False,
        )

    async def list(self, user: str) -> list[dict[str, Any]]:
        """The tools as chat completions take them; raises `ChatError`."""
        found = await self._ask(user, "tools/list", {})
        try:
            return [
                {
                    "type": "function",
                    "function": {
                        "name": tool["name"],
                        "description": tool.get("description", ""),
                        "parameters": tool["inputSchema"],
                    },
                }
                for tool in found["tools"]
            ]
        except (KeyError, TypeError, AttributeError):
            logs.warning("the tools are described in a way that makes no sense")
            raise tools_away() from None

    async def call(self, user: str, name: str, arguments: dict[str, Any]) -> Result:
        """Runs a tool; its own errors are results too, all others raise `ChatError`."""
        found = await self._ask(user, "tools/call", {"name": name, "arguments": arguments})
        if _is_error(found):
            return Result(False, f"{name} cannot be called like this.")
        content = found.get("content")
        parts = content if isinstance(content, list) else []
        texts = [str(part["text"]) for part in parts if isinstance(part, dict) and "text" in part]
        text = clean("\n".join(texts))
        if len(text) > MAX_RESULT:
            # A part of it would be taken for the whole.
            return Result(False, f"What {name} answered is too long to be read.")
        return Result(found.get("isError") is not True, text)

    async def close(self) -> None:
        await self.client.aclose()

    async def _ask(self, user: str, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """The result, or the error of JSON-RPC."""
        response = await self._send(user, method, params)
        try:
            body = response.json()
            found = body.get("result") or body.get("error")
        except (ValueError, AttributeError, RecursionError):
            found = None
        # The errors of JSON-RPC have numbers; those of whatever else may answer there do not.
        fine = response.status_code == 200 or response.is_client_error
        if isinstance(found, dict) and fine and (response.is_success or _is_error(found)):
            return found
        logs.warning("the tools refused a request", status=response.status_code)
        raise tools_away()

    async def _send(self, user: str, method: str, params: dict[str, Any]) -> httpx2.Response:
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        headers = {
            "Authorization": f"Bearer {service_token.mint(user, self.secret)}",
            "Accept": "application/json, text/event-stream",
            "X-Request-ID": logs.request_id.get(),
        }
        for last in (False, True):
            try:
                async with asyncio.timeout(PATIENCE):
                    return await self.client.post(self.url, json=body, headers=headers)
            except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
                # Nothing was sent, so a change cannot be made twice.
                if last:
                    logs.warning("the tools cannot be reached", cause=type(error).__name__)
                    raise tools_away() from None
            except (httpx2.HTTPError, TimeoutError) as error:
                logs.warning("the tools do not answer", cause=type(error).__name__)
                raise tools_away() from None
            await asyncio.sleep(PAUSE)
        raise AssertionError("the last try returns or raises")


def _is_error(found: dict[str, Any]) -> bool:
    return isinstance(found.get("code"), int)
