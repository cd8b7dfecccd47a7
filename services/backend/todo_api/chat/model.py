"""The client of the language model, for the chat completions API of OpenAI."""

import asyncio
import datetime
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
# The bytes of one answer, including the protocol, and of a refusal.
MAX_ANSWER, MAX_REFUSAL = 2 * 1024 * 1024, 64 * 1024
# The two names of the field that limits the tokens of an answer: each is refused by some models.
LIMIT_NAMES = ("max_completion_tokens", "max_tokens")
# The codes of OpenAI and Groq for a model that does not exist any more.
UNKNOWN_MODEL = {"model_not_found", "model_decommissioned"}
# How often the list of models is read, and how long it may take.
LIST_TTL_S, LIST_TIMEOUT_S = 300.0, 10.0


class Model:
    """A pool of connections to one model."""

    def __init__(
        self, provider: Provider, transport: httpx2.AsyncBaseTransport | None = None
    ) -> None:
        self.provider = provider
        # When the last request failed; reset by a successful one.
        self.failed_at = float("-inf")
        # Whether the provider lists models, but not this one.
        self.is_unlisted = False
        self._listed_at = float("-inf")
        self._listing: asyncio.Task[None] | None = None
        # Fields of a request that some models refuse.
        limit = LIMIT_NAMES[provider.name in ("mock", "custom")]
        self._fields: dict[str, Any] = {limit: provider.max_tokens}
        if provider.is_default:
            self._fields |= provider.fields
        self._adapted: set[str] = set()
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
                async for text in self._exchange(body | self._fields, reply):
                    yield text
                self.failed_at = float("-inf")
                return
            except _Adapted:
                tries += 1
                continue
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

    def look(self) -> None:
        """Reads the list of models in the background, at most once in `LIST_TTL_S` seconds.

        The list costs nothing, unlike a question.
        """
        if self.provider.mock or time.monotonic() - self._listed_at < LIST_TTL_S:
            return
        self._listed_at = time.monotonic()
        self._listing = asyncio.create_task(self._look())

    async def close(self) -> None:
        if self._listing is not None:
            self._listing.cancel()
        await self.client.aclose()

    async def _look(self) -> None:
        if retirement := self.provider.retirement(datetime.datetime.now(datetime.UTC).date()):
            logs.warning(retirement)
        try:
            async with asyncio.timeout(LIST_TIMEOUT_S):
                async with self.client.stream(
                    "GET", f"{self.provider.base_url}/models"
                ) as response:
                    if response.status_code != 200:
                        return
                    listed = json.loads(await _whole(response))["data"]
            # Gemini lists `models/gemini-…`.
            names = {str(each["id"]).removeprefix("models/") for each in listed}
        except (httpx2.HTTPError, httpx2.StreamError, TimeoutError, ChatError):
            return
        except (ValueError, KeyError, TypeError, RecursionError):
            # Not every compatible server lists its models.
            return
        self.is_unlisted = bool(names) and self.provider.model not in names
        if self.is_unlisted:
            logs.warning(_unknown(self.provider).message, provider=self.provider.name)

    def _adapt(self, field: str) -> bool:
        """Changes the fields of requests after one was refused; False if nothing can be changed."""
        if field in self._adapted:
            return False
        self._adapted.add(field)
        if field in LIMIT_NAMES and field in self._fields:
            other = LIMIT_NAMES[1 - LIMIT_NAMES.index(field)]
            self._fields[other] = self._fields.pop(field)
        elif field in self._fields:
            del self._fields[field]
        elif field in self.provider.fields:
            self._fields[field] = self.provider.fields[field]
        else:
            return False
        logs.info("the model requires another field in requests", field=field)
        return True

    async def _exchange(self, body: dict[str, Any], reply: Reply) -> AsyncIterator[str]:
        url = f"{self.provider.base_url}/chat/completions"
        headers = {"Accept": "text/event-stream", "X-Request-ID": logs.request_id.get()}
        async with self.client.stream("POST", url, json=body, headers=headers) as response:
            if response.status_code != 200:
                error = await _error(response)
                if response.status_code == 400 and self._adapt(str(error.get("param"))):
                    raise _Adapted
                raise _refusal(response.status_code, error, self.provider)
            if "json" in response.headers.get("Content-Type", ""):
                # Some providers do not stream although it was requested.
                piece = _content(await _whole(response), "message")
                finish = piece.pop("finish", None)
                yield reply.take(piece)
                _expect_complete(finish)
                return
            ended, finish = False, None
            async for data in _events(response):
                if data == "[DONE]":
                    ended = True
                    break
                piece = _content(data, "delta")
                finish = piece.pop("finish", None) or finish
                if text := reply.take(piece):
                    yield text
            if not (ended or finish):
                logs.warning("the AI broke off")
                raise ai_away()
            _expect_complete(finish)


async def _whole(response: httpx2.Response, limit: int = MAX_ANSWER) -> str:
    found = b""
    async for part in response.aiter_bytes():
        found += part
        if len(found) > limit:
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
    """The content of one chunk, with `finish` in the last one: why the answer ends."""
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
        return piece | {"finish": choices[0].get("finish_reason")}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        logs.warning("the AI answered no chat completion", cause=type(error).__name__)
        raise ai_nonsense() from None


class _Adapted(Exception):
    """The request is sent again with other fields."""


def _expect_complete(finish: Any) -> None:
    if finish == "length":
        message = "The AI's answer became too long; ask for less at once."
        raise ChatError("ai_cut_off", message)


async def _error(response: httpx2.Response) -> dict[str, Any]:
    """The description of an error; empty if the body has none. `unusable` marks a wrong key."""
    try:
        text = await _whole(response, MAX_REFUSAL)
        found = json.loads(text)
    except (ChatError, ValueError, RecursionError):
        return {}
    # Gemini sends a list.
    found = found[0] if isinstance(found, list) and found else found
    error = found.get("error") if isinstance(found, dict) else None
    if not isinstance(error, dict):
        return {}
    return error | {"unusable": "API_KEY_INVALID" in text}


def _unknown(provider: Provider) -> ChatError:
    message = f"The AI does not offer the model {provider.model}; set LLM_MODEL to another one."
    return ChatError("ai_model_unknown", message)


def _refusal(status: int, error: dict[str, Any], provider: Provider) -> ChatError:
    code = str(error.get("code"))[:64]
    # Without the provider's message, which may contain parts of the key.
    logs.warning("the AI refused a request", status=status, code=code, model=provider.model)
    if status in (401, 403) or error.get("unusable"):
        return ChatError("ai_refused", "The AI does not accept the key that is set for it.")
    if status == 404 or code in UNKNOWN_MODEL:
        return _unknown(provider)
    if status == 413 or code == "context_length_exceeded":
        message = "The conversation is too long for the AI; clear it, and try again."
        return ChatError("ai_too_long", message)
    if status == 429:
        return ChatError("ai_busy", "The AI has too much to do, or its quota is used up.")
    return ai_away() if status >= 500 else ChatError("ai_failed", "The AI refused the question.")
