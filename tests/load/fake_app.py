"""A small fake Todo Chatbot with configurable leaks and delays, for the tests."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

Answer = tuple[int, Any]


class FakeApp:
    """`faults` is a set of names, each of which is checked below."""

    def __init__(self, *faults: str) -> None:
        self.faults = set(faults)
        self.accounts: dict[str, str] = {}
        self.tasks: dict[int, dict[str, Any]] = {}
        self.said: dict[str, list[dict[str, str]]] = {}
        self.last_id = 0
        self.refused = 0
        # Task requests are handled one at a time, so a slow one delays the others.
        self.gate = asyncio.Lock()

    async def answer(self, method: str, target: str, headers: dict[str, str], body: Any) -> Answer:
        """The response to one request."""
        path = urlsplit(target).path
        query = {name: values[0] for name, values in parse_qs(urlsplit(target).query).items()}
        if path == "/api/config":
            return 200, {"accounts": "no accounts" not in self.faults, "ai": {"mock": True}}
        if path.startswith("/auth/"):
            return self._auth(path, headers, body)
        user = headers.get("authorization", "").removeprefix("Bearer e.").removesuffix(".s")
        user = json.loads(bytes.fromhex(user))["sub"] if user else ""
        if user not in self.accounts.values():
            return 401, {}
        if "header is trusted" in self.faults:
            user = headers.get("x-user-id", user)
        if "query is trusted" in self.faults:
            user = query.get("user_id", user)
        if path == "/api/chat/messages":
            return self._history(method, user)
        if path == "/api/chat":
            return self._chat(user, body)
        async with self.gate:
            if "slow once" in self.faults and method == "GET":
                self.faults.remove("slow once")
                await asyncio.sleep(0.6)
            return self._tasks(method, path, user, query, body)

    def _auth(self, path: str, headers: dict[str, str], body: Any) -> Answer:
        if path == "/auth/sign-up/email":
            if self.refused < 1 and "too many" in self.faults:
                self.refused += 1
                return 429, {"retry": 0}
            if "origin" not in headers or "no sign-up" in self.faults:
                return 403, {"message": "Invalid origin"}
            return 200, {
                "user": {"id": self.accounts.setdefault(body["email"], body["email"][:-13])}
            }
        user = headers.get("cookie", "").removeprefix("session=")
        if path == "/auth/delete-user":
            self.accounts = {email: id for email, id in self.accounts.items() if id != user}
            return 200, {}
        return 200, {"token": user}

    def _tasks(self, method: str, path: str, user: str, query: dict[str, str], body: Any) -> Answer:
        if set(body or {}) - {"title", "description", "completed"}:
            return 422, {}
        if path == "/api/tasks" and method == "POST":
            return 201, self._add(user, body["title"], body.get("description"))
        if path == "/api/tasks":
            status = query.get("status", "all")
            done = {"all": (True, False), "open": (False,), "done": (True,)}[status]
            return 200, [_out(one) for one in self._of(user) if one["completed"] in done]
        number = int(path.split("/")[3])
        task = self.tasks.get(number)
        open_to_all = f"{method} does not ask whose" in self.faults
        if task is None or (task["user"] != user and not open_to_all):
            return 404, {"error": {"code": "not_found"}}
        if method == "DELETE":
            del self.tasks[number]
            return 204, None
        task |= {"completed": True} if path.endswith("/complete") else body or {}
        if "forgets" in self.faults and method == "PATCH":
            task["description"] = None
        return 200, _out(task)

    def _history(self, method: str, user: str) -> Answer:
        if method == "DELETE":
            self.said[user] = []
            return 204, None
        return 200, self.said.get(user, [])[-50:]

    def _chat(self, user: str, body: dict[str, Any]) -> Answer:
        own = f"conversation of {user}"
        if set(body) - {"message", "conversation_id"}:
            return 422, {}
        if body.get("conversation_id", own) != own and "any conversation" not in self.faults:
            return 404, {}
        text = self._reply(user, body["message"])
        history = self.said.setdefault(user, [])
        history += [{"role": "user", "text": body["message"]}, {"role": "assistant", "text": text}]
        # In parts that are shorter than a mark.
        pieces = [("delta", {"text": text[at : at + 7]}) for at in range(0, len(text), 7)]
        last = ("error", {"code": "x"}) if "chat fails" in self.faults else ("done", {})
        events = [("start", {"conversation_id": own}), *pieces, last]
        return 200, "".join(f"event: {name}\ndata: {json.dumps(d)}\n\n" for name, d in events)

    def _reply(self, user: str, message: str) -> str:
        if found := re.fullmatch("Add a task to (.+)", message):
            return f"Added #{self._add(user, found[1], None)['id']}."
        if found := re.fullmatch(r"(?i)(mark|delete) (?:task )?#(\d+).*", message):
            task = self.tasks.get(int(found[2]))
            if task is None or (task["user"] != user and "chat obeys" not in self.faults):
                return "There is no such task."
            if found[1].lower() == "delete":
                del self.tasks[task["id"]]
            else:
                task["completed"] = True
            return "Done."
        every = "chat shows all" in self.faults
        shown = self.tasks.values() if every else self._of(user)
        return "\n".join(f"- #{task['id']} {task['title']}" for task in shown)

    def _add(self, user: str, title: str, description: str | None) -> dict[str, Any]:
        self.last_id += 1
        self.tasks[self.last_id] = {
            "id": self.last_id,
            "title": title,
            "description": description,
            "completed": False,
            "created_at": "",
            "updated_at": "",
            "user": user,
        }
        return _out(self.tasks[self.last_id])

    def _of(self, user: str) -> list[dict[str, Any]]:
        every = "list of all" in self.faults and len(self.tasks) > 12
        return [task for task in self.tasks.values() if every or task["user"] == user]


def _out(task: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in task.items() if name != "user"}


@asynccontextmanager
async def served(app: FakeApp) -> AsyncIterator[str]:
    """The URL of the server."""

    async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                method, target, _ = line.decode().split()
                headers = {}
                while (line := await reader.readline()).strip():
                    name, _, value = line.decode().partition(":")
                    headers[name.lower()] = value.strip()
                size = int(headers.get("content-length", "0"))
                body = json.loads(await reader.readexactly(size)) if size else None
                writer.write(_written(*await app.answer(method, target, headers, body)))
                await writer.drain()
        finally:
            writer.close()

    server = await asyncio.start_server(connection, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


def _written(status: int, body: Any) -> bytes:
    more = ""
    if isinstance(body, dict) and "retry" in body:
        more = f"X-Retry-After: {body['retry']}\r\n"
    if isinstance(body, dict) and "user" in body:
        more = f"Set-Cookie: session={body['user']['id']}; Path=/; HttpOnly\r\n"
    if isinstance(body, dict) and "token" in body:
        claims = json.dumps({"sub": body["token"]}).encode().hex()
        body = {"token": f"e.{claims}.s"}
    kind = "text/event-stream" if isinstance(body, str) else "application/json"
    text = body if isinstance(body, str) else "" if body is None else json.dumps(body)
    head = f"HTTP/1.1 {status} x\r\nContent-Type: {kind}\r\n{more}"
    return f"{head}Content-Length: {len(text.encode())}\r\n\r\n{text}".encode()
