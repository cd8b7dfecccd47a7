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

# The timeouts to connect and for a response, and the pause before a second try to connect.
CONNECT_TIMEOUT_S, READ_TIMEOUT_S, RETRY_PAUSE_S = 2.0, 15.0, 0.3
# The characters of a result that the model receives: some hundred tasks.
MAX_RESULT = 60_000


@dataclass(frozen=True)
class Result:
    """The result of a tool."""

    ok: bool
    text: str


class Tools:
    """A pool of connections to the MCP server."""

    def __init__(
        self, url: str, secret: str, transport: httpx2.AsyncBaseTransport | None = None
    ) -> None:
        self.url, self.secret = url, secret
        self.client = httpx2.AsyncClient(
            timeout=httpx2.Timeout(READ_TIMEOUT_S, connect=CONNECT_TIMEOUT_S),
            transport=transport,
            verify=tls.context(),
            # In the same cluster: ignore proxies.
            trust_env=False,
        )

    async def list(self, user: str) -> list[dict[str, Any]]:
        """The tools in the format of chat completions; raises `ChatError`."""
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
            logs.warning("the descriptions of the tools are invalid")
            raise tools_away() from None

    async def call(self, user: str, name: str, arguments: dict[str, Any]) -> Result:
        """Runs a tool. Its own errors are results; all others raise `ChatError`."""
        found = await self._ask(user, "tools/call", {"name": name, "arguments": arguments})
        if _is_error(found):
            return Result(False, f"{name} cannot be called like this.")
        content = found.get("content")
        parts = content if isinstance(content, list) else []
        texts = [str(part["text"]) for part in parts if isinstance(part, dict) and "text" in part]
        text = clean("\n".join(texts))
        if len(text) > MAX_RESULT:
            # The model would take a part of it for the whole.
            return Result(False, f"The result of {name} is too long.")
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
        # Errors of JSON-RPC have numeric codes; errors of other servers do not.
        fine = response.status_code == 200 or response.is_client_error
        if isinstance(found, dict) and fine and (response.is_success or _is_error(found)):
            return found
        logs.warning("the tools rejected a request", status=response.status_code)
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
                async with asyncio.timeout(READ_TIMEOUT_S):
                    return await self.client.post(self.url, json=body, headers=headers)
            except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
                # Nothing was sent, so a change cannot be made twice.
                if last:
                    logs.warning("the tools cannot be reached", cause=type(error).__name__)
                    raise tools_away() from None
            except (httpx2.HTTPError, TimeoutError) as error:
                logs.warning("the tools are not responding", cause=type(error).__name__)
                raise tools_away() from None
            await asyncio.sleep(RETRY_PAUSE_S)
        raise AssertionError("the last try returns or raises")


def _is_error(found: dict[str, Any]) -> bool:
    return isinstance(found.get("code"), int)
