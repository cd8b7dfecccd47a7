"""A user of the application, who does what the page does: signs up, renews the token, logs out."""

import asyncio
import base64
import json
import secrets
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx2

from address import Address
from events import Parser
from trouble import Trouble
from turn import Turn

# A token is renewed this long before it expires, as the page does.
EARLY = 60.0
# The maximum number of waits after a 429; each may take a minute.
MOST_WAITS = 30


@dataclass(frozen=True)
class Reply:
    """A response of the application."""

    status: int
    text: str
    wait: float = 0.0

    @property
    def data(self) -> Any:
        """The JSON of the body; None if it is not JSON."""
        try:
            return json.loads(self.text)
        except ValueError:
            return None

    def words(self) -> str:
        """The response in one line; with the body of errors only."""
        if self.status < 400:
            return f"status {self.status}"
        return f"status {self.status}: {' '.join(self.text.split())[:200]}"


def _unseen(where: str, text: str) -> None:
    """Ignores the response."""


class User:
    """A user with a browser. The password, cookies and tokens are never printed."""

    def __init__(
        self, address: Address, email: str, seen: Callable[[str, str], None] = _unseen
    ) -> None:
        self.address, self.email, self.seen = address, email, seen
        self.id = ""
        self.client = address.client()
        self._password = secrets.token_urlsafe(18)
        self._asked_to_sign_up = False
        self._token, self._ends = "", 0.0
        self._renewing = asyncio.Lock()

    async def sign_up(self) -> None:
        """Creates the account, and waits if the limit per address is exceeded."""
        self._asked_to_sign_up = True
        form = {"name": "Load", "email": self.email, "password": self._password}
        reply = await self._auth("POST", "/auth/sign-up/email", form)
        if not self._knows(reply):
            helps = "see the frontend's log; are accounts on, and is the URL one of AUTH_ORIGINS?"
            raise Trouble(f"{self.email} cannot sign up: {reply.words()}", helps)

    async def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: dict[str, str] | None = None,
        patient: bool = False,
    ) -> Reply:
        """A request to the API. A patient one is sent again if the limit is exceeded."""
        for _ in range(MOST_WAITS if patient else 1):
            sent = (headers or {}) | {"Authorization": f"Bearer {await self.token()}"}
            reply = await self._send(method, path, body, sent)
            if reply.status != 429 or not patient:
                break
            await asyncio.sleep(reply.wait)
        return reply

    async def ask(self, message: str, patient: bool = False, **more: Any) -> Turn:
        """One turn of the chat, until its last event."""
        body = {"message": message} | more
        for _ in range(MOST_WAITS if patient else 1):
            headers = {"Authorization": f"Bearer {await self.token()}"}
            async with self.client.stream("POST", "/api/chat", json=body, headers=headers) as sent:
                turn = await _turn(sent)
                wait = _wait(sent)
            self.seen("POST /api/chat", turn.raw)
            self.seen("POST /api/chat, put together", turn.said)
            if turn.status != 429 or not patient:
                break
            await asyncio.sleep(wait)
        return turn

    async def token(self) -> str:
        """The token for the API, renewed before it expires."""
        async with self._renewing:
            if time.time() > self._ends - EARLY:
                reply = await self._auth("GET", "/auth/token")
                token = reply.data.get("token") if isinstance(reply.data, dict) else None
                if reply.status != 200 or not isinstance(token, str):
                    helps = "see the frontend's log"
                    raise Trouble(f"{self.email} cannot get a token: status {reply.status}", helps)
                self._token, self._ends = token, _end(token)
            return self._token

    async def leave(self) -> str:
        """Removes the data of the user and the account; returns the problems."""
        try:
            return await self._leave() if self._asked_to_sign_up else ""
        except (httpx2.HTTPError, Trouble) as error:
            return f"{self.email} was not removed: {type(error).__name__} {error}"
        finally:
            await self.client.aclose()

    async def _leave(self) -> str:
        form = {"email": self.email, "password": self._password}
        if not self.id and not self._knows(await self._auth("POST", "/auth/sign-in/email", form)):
            return ""  # Cut off before there was an account.
        left = await self.call("GET", "/api/tasks", patient=True)
        for task in left.data if left.status == 200 else []:
            await self.call("DELETE", f"/api/tasks/{task['id']}", patient=True)
        cleared = await self.call("DELETE", "/api/chat/messages", patient=True)
        own = await self.call("GET", "/api/tasks", patient=True)
        gone = await self._auth("POST", "/auth/delete-user", {"password": self._password})
        if (own.data, cleared.status, gone.status) == ([], 204, 200):
            return ""
        return f"{self.email} was not removed: tasks {own.status}, chat {cleared.status}, " + (
            f"account {gone.status}"
        )

    def _knows(self, reply: Reply) -> bool:
        """Reads the ID of the user from the response to a login."""
        person = reply.data.get("user") if isinstance(reply.data, dict) else None
        if reply.status == 200 and isinstance(person, dict):
            self.id = str(person.get("id", ""))
        return bool(self.id)

    async def _auth(self, method: str, path: str, body: Any = None) -> Reply:
        for _ in range(MOST_WAITS):
            reply = await self._send(method, path, body, {"Origin": self.address.origin})
            if reply.status != 429:
                break
            await asyncio.sleep(reply.wait)
        return reply

    async def _send(self, method: str, path: str, body: Any, headers: dict[str, str]) -> Reply:
        answer = await self.client.request(method, path, json=body, headers=headers)
        if not path.startswith("/auth/"):
            shown = "\n".join(f"{name}: {value}" for name, value in answer.headers.items())
            self.seen(f"{method} {path}", f"{shown}\n{answer.text}")
        return Reply(answer.status_code, answer.text, _wait(answer))


async def _turn(answer: httpx2.Response) -> Turn:
    turn, parser = Turn(answer.status_code), Parser()
    async for piece in answer.aiter_text():
        turn.raw += piece
        if turn.status != 200:
            continue
        turn.events += parser.feed(piece)
        if turn.events and turn.first_at is None:
            turn.first_at = time.monotonic()
    return turn


def _wait(answer: httpx2.Response) -> float:
    """The seconds to wait; Better Auth uses a header of its own."""
    given = answer.headers.get("retry-after") or answer.headers.get("x-retry-after") or "5"
    return min(float(given), 120.0) + 0.2 if given.isdecimal() else 5.0


def _end(token: str) -> float:
    """When the token expires; immediately, if it does not say."""
    try:
        middle = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4)))
        return float(claims["exp"])
    except (ValueError, KeyError, IndexError, TypeError):
        return 0.0


async def all_of(work: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Runs all concurrently; the first failure cancels the others and is raised."""
    try:
        async with asyncio.TaskGroup() as group:
            for one in work:
                group.create_task(one)
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None


@asynccontextmanager
async def users(
    address: Address,
    count: int,
    name: str,
    tell: Callable[[str], None],
    seen: Callable[[int], Callable[[str, str], None]] = lambda _: _unseen,
) -> AsyncIterator[list[User]]:
    """Users who are removed at the end in any case."""
    run = secrets.token_hex(4)
    made = [User(address, f"{name}-{run}-{n}@example.test", seen(n)) for n in range(count)]
    few = asyncio.Semaphore(4)

    async def sign_up(user: User) -> None:
        async with few:
            await user.sign_up()

    async def leave(user: User) -> str:
        async with few:
            return await user.leave()

    try:
        if count > 30:
            tell("30 users may sign up per minute and address: this takes a while")
        await all_of(sign_up(user) for user in made)
        tell(f"{count} users have signed up")
        yield made
    finally:
        for problem in await asyncio.gather(*(leave(user) for user in made)):
            if problem:
                tell(problem)
