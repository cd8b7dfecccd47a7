"""The language model, over the chat completions API of OpenAI."""

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

# Seconds to connect, for the next piece of an answer, and before a second try to connect.
CONNECT, SILENCE, PAUSE = 5.0, 30.0, 0.3
# Bytes of one answer with everything around it.
MAX_ANSWER = 2 * 1024 * 1024


class Model:
    """A pool of connections to one model."""

    def __init__(
        self, provider: Provider, transport: httpx2.AsyncBaseTransport | None = None
    ) -> None:
        self.provider = provider
        # When the last exchange failed; one that goes well takes it back.
        self.failed_at = float("-inf")
        key = provider.api_key
        self.client = httpx2.AsyncClient(
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=httpx2.Timeout(SILENCE, connect=CONNECT),
            transport=transport,
            verify=tls.context(trust_env=not provider.mock),
            # The mock is a neighbour; the others may be behind a proxy of the environment.
            trust_env=not provider.mock,
        )

    async def stream(
        self, messages: list[dict[str, Any]], tools: list[dict[str, Any]], reply: Reply
    ) -> AsyncIterator[str]:
        """Fills `reply`, and gives its text as it comes; raises `ChatError`."""
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
                # Nothing was sent: a replica that ended is gone at the second try.
                if not tries:
                    self.failed_at = time.monotonic()
                    logs.warning("the AI cannot be reached", cause=type(error).__name__)
                    raise ai_away() from None
            except (httpx2.HTTPError, httpx2.StreamError) as error:
                self.failed_at = time.monotonic()
                logs.warning("the AI does not answer", cause=type(error).__name__)
                raise ai_away() from None
            await asyncio.sleep(PAUSE)

    async def close(self) -> None:
        await self.client.aclose()

    async def _exchange(self, body: dict[str, Any], reply: Reply) -> AsyncIterator[str]:
        url = f"{self.provider.base_url}/chat/completions"
        headers = {"Accept": "text/event-stream", "X-Request-ID": logs.request_id.get()}
        async with self.client.stream("POST", url, json=body, headers=headers) as response:
            if response.status_code != 200:
                raise _refusal(response.status_code)
            if "json" in response.headers.get("Content-Type", ""):
                # Asked for a stream, some give the whole answer at once.
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
    """The data of each event. Events of these APIs have one line of data."""
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
    """What one piece adds, with `ended` in the last one."""
    try:
        found = json.loads(data)
        if found.get("error"):
            logs.warning("the AI told of an error")
            raise ai_away()
        # Some end with a piece without choices, which counts what was used.
        choices = found["choices"]
        if not choices:
            return {}
        piece = dict(choices[0].get(name) or {})
        return piece | {"ended": bool(choices[0].get("finish_reason"))}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        logs.warning("the AI answered no chat completion", cause=type(error).__name__)
        raise ai_nonsense() from None


def _refusal(status: int) -> ChatError:
    # Not what the provider says about it: parts of the key may be in there.
    logs.warning("the AI refused a request", status=status)
    if status in (401, 403):
        return ChatError("ai_refused", "The AI does not accept the key that is set for it.")
    if status == 429:
        return ChatError("ai_busy", "The AI has too much to do, or its quota is used up.")
    return ai_away() if status >= 500 else ChatError("ai_failed", "The AI refused the question.")
