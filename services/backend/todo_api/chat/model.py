"""The client of the language model, for the chat completions API of OpenAI."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx2

from todo_api import tls
from todo_api.chat.failures import ChatError, ai_away, ai_nonsense
from todo_api.chat.replies import Reply
from todo_api.provider import Provider
from todo_common import logs

# The timeouts to connect and for the next part of an answer, and the pause before a second try.
CONNECT_TIMEOUT_S, READ_TIMEOUT_S, RETRY_PAUSE_S = 5.0, 30.0, 0.3
# The bytes of one answer, including the protocol.
MAX_ANSWER = 2 * 1024 * 1024


class Model:
    """A pool of connections to one model."""

    def __init__(
        self, provider: Provider, transport: httpx2.AsyncBaseTransport | None = None
    ) -> None:
        self.provider = provider
        # When the last request failed; reset by a successful one.
        self.failed_at = float("-inf")
        key = provider.api_key
        self.client = httpx2.AsyncClient(
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=httpx2.Timeout(READ_TIMEOUT_S, connect=CONNECT_TIMEOUT_S),
            transport=transport,
            verify=tls.context(trust_env=not provider.mock),
            # The mock is in the same cluster; the others may require a proxy.
            trust_env=not provider.mock,
        )

    async def stream(
        self, messages: list[dict[str, Any]], tools: list[dict[str, Any]], reply: Reply
    ) -> AsyncIterator[str]:
        """Fills `reply` and yields its text as it arrives; raises `ChatError`."""
        body: dict[str, Any] = {"model": self.provider.model, "messages": messages, "stream": True}
        if tools:
            body |= {"tools": tools, "tool_choice": "auto"}
        tries = 2
        while True:
            tries -= 1
            try:
                async for text in self._exchange(body, reply):
                    yield text
                self.failed_at = float("-inf")
                return
            except ChatError:
                self.failed_at = time.monotonic()
                raise
            except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
                # Nothing was sent, and the second try does not reach a replica that has stopped.
                if not tries:
                    self.failed_at = time.monotonic()
                    logs.warning("the AI cannot be reached", cause=type(error).__name__)
                    raise ai_away() from None
            except (httpx2.HTTPError, httpx2.StreamError) as error:
                self.failed_at = time.monotonic()
                logs.warning("the AI does not answer", cause=type(error).__name__)
                raise ai_away() from None
            await asyncio.sleep(RETRY_PAUSE_S)

    async def close(self) -> None:
        await self.client.aclose()

    async def _exchange(self, body: dict[str, Any], reply: Reply) -> AsyncIterator[str]:
        url = f"{self.provider.base_url}/chat/completions"
        headers = {"Accept": "text/event-stream", "X-Request-ID": logs.request_id.get()}
        async with self.client.stream("POST", url, json=body, headers=headers) as response:
            if response.status_code != 200:
                raise _refusal(response.status_code)
            if "json" in response.headers.get("Content-Type", ""):
                # Some providers do not stream although it was requested.
                yield reply.take(_content(await _whole(response), "message"))
                return
            ended = False
            async for data in _events(response):
                if data == "[DONE]":
                    ended = True
                    break
                piece = _content(data, "delta")
                ended = ended or piece.pop("ended", False)
                if text := reply.take(piece):
                    yield text
            if not ended:
                logs.warning("the AI broke off")
                raise ai_away()


async def _whole(response: httpx2.Response) -> str:
    found = b""
    async for part in response.aiter_bytes():
        found += part
        if len(found) > MAX_ANSWER:
            raise ai_nonsense()
    return found.decode("utf-8", "replace")


async def _events(response: httpx2.Response) -> AsyncIterator[str]:
    """The data of each event, which is one line in these APIs."""
    rest, size = b"", 0
    async for part in response.aiter_bytes():
        size += len(part)
        if size > MAX_ANSWER:
            raise ai_nonsense()
        *lines, rest = (rest + part).split(b"\n")
        for line in lines:
            if line.startswith(b"data:"):
                yield line[5:].strip().decode("utf-8", "replace")


def _content(data: str, name: str) -> dict[str, Any]:
    """The content of one chunk, with `ended` in the last one."""
    try:
        found = json.loads(data)
        if found.get("error"):
            logs.warning("the AI told of an error")
            raise ai_away()
        # Some providers send a last chunk without choices, with the usage.
        choices = found["choices"]
        if not choices:
            return {}
        piece = dict(choices[0].get(name) or {})
        return piece | {"ended": bool(choices[0].get("finish_reason"))}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        logs.warning("the AI answered no chat completion", cause=type(error).__name__)
        raise ai_nonsense() from None


def _refusal(status: int) -> ChatError:
    # Without the provider's message, which may contain parts of the key.
    logs.warning("the AI refused a request", status=status)
    if status in (401, 403):
        return ChatError("ai_refused", "The AI does not accept the key that is set for it.")
    if status == 429:
        return ChatError("ai_busy", "The AI has too much to do, or its quota is used up.")
    return ai_away() if status >= 500 else ChatError("ai_failed", "The AI refused the question.")
