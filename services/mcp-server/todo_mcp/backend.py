"""The client of the backend's internal API. Failures become sentences for the model."""

import asyncio
from typing import Any

import httpx2
from mcp.server.mcpserver.exceptions import ToolError

from todo_common import logs
from todo_mcp import identity

# The timeouts to connect and for the rest of a request.
CONNECT_TIMEOUT_S, READ_TIMEOUT_S = 2.0, 10.0
# The pause before a read is tried again, after which a stopped replica is gone.
RETRY_PAUSE_S = 0.3


class Backend:
    """A pool of connections to the backend."""

    def __init__(self, url: str, transport: httpx2.AsyncBaseTransport | None = None) -> None:
        self.client = httpx2.AsyncClient(
            base_url=url,
            timeout=httpx2.Timeout(READ_TIMEOUT_S, connect=CONNECT_TIMEOUT_S),
            transport=transport,
            # The backend is in the same cluster: ignore proxies.
            trust_env=False,
        )

    async def ask(self, method: str, path: str = "", **options: Any) -> Any:
        """The JSON of the response, None if it is empty; raises `ToolError` for any failure."""
        response = await self._send(method, path, options)
        if response.status_code == 204:
            return None
        try:
            body = response.json()
        except ValueError:
            body = None
        if response.is_success and body is not None:
            return body
        raise _refusal(response.status_code, body)

    async def close(self) -> None:
        await self.client.aclose()

    async def _send(self, method: str, path: str, options: Any) -> httpx2.Response:
        headers = {
            "Authorization": f"Bearer {identity.token.get()}",
            "X-Request-ID": logs.request_id.get(),
        }
        tries = 2 if method == "GET" else 1
        while True:
            tries -= 1
            try:
                place = f"/internal/tasks{path}"
                return await self.client.request(method, place, headers=headers, **options)
            except httpx2.ConnectTimeout as error:
                failure: Exception = error
            except httpx2.TimeoutException as error:
                raise _unanswered(method, error) from None
            except httpx2.TransportError as error:
                failure = error
            if tries == 0:
                raise _unreachable(method, failure) from None
            await asyncio.sleep(RETRY_PAUSE_S)


def _unreachable(method: str, error: Exception) -> ToolError:
    logs.warning("the backend cannot be reached", cause=type(error).__name__)
    if isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout):
        return ToolError("The task service cannot be reached. Nothing was changed; try again.")
    return _unanswered(method, error)


def _unanswered(method: str, error: Exception) -> ToolError:
    logs.warning("the backend does not answer", cause=type(error).__name__)
    if method == "GET":
        return ToolError("The task service did not answer. Nothing was changed; try again.")
    return ToolError(
        "The task service did not answer, so the change may or may not have been made. "
        "Look with list_tasks before trying again."
    )


def _refusal(status: int, body: Any) -> ToolError:
    message = ""
    if isinstance(body, dict) and isinstance(body.get("error"), dict):
        message = str(body["error"].get("message", ""))
    if status in (400, 404, 409, 422) and message:
        return ToolError(message)
    logs.warning("the backend refused a request", status=status, cause=message)
    if status == 401:
        return ToolError(
            "The task service refused this server: INTERNAL_API_TOKEN is not the same in both."
        )
    if status == 503:
        return ToolError("The task service has no database at the moment; try again soon.")
    return ToolError(f"The task service failed with status {status}.")
