"""Only a token of the backend determines whose tasks the tools see."""

import json
import time
from typing import Any

import anyio
import httpx2
import pytest

from tests.support import TOKEN, connected, faked
from tests.test_http import LISTING, post
from todo_testing.program import Program
from todo_testing.tokens import claims, encoded, minted, signed

HEADER = {"alg": "HS256", "typ": "JWT"}


def wrong() -> dict[str, str]:
    """Invalid headers, created on use because tokens expire."""
    now = int(time.time())
    return {
        "none": "",
        "no scheme": minted(TOKEN),
        "another scheme": f"Basic {minted(TOKEN)}",
        "the secret itself": f"Bearer {TOKEN}",
        "another secret": f"Bearer {minted('other')}",
        "no secret": f"Bearer {minted('')}",
        "no signature": f"Bearer {minted(TOKEN).rpartition('.')[0]}.",
        "alg none": f"Bearer {signed({'alg': 'none'}, claims(), TOKEN).rpartition('.')[0]}.",
        "alg None, signed": f"Bearer {signed({'alg': 'None'}, claims(), TOKEN)}",
        "alg HS512": f"Bearer {signed({'alg': 'HS512'}, claims(), TOKEN)}",
        "another audience": f"Bearer {minted(TOKEN, aud='todo-api')}",
        "another issuer": f"Bearer {minted(TOKEN, iss='todo-chatbot')}",
        "expired": f"Bearer {minted(TOKEN, iat=now - 100, exp=now - 30)}",
        "of the future": f"Bearer {minted(TOKEN, iat=now + 60, exp=now + 120)}",
        "too long a life": f"Bearer {minted(TOKEN, exp=now + 3600)}",
        "no end": f"Bearer {minted(TOKEN, exp=None)}",
        "no beginning": f"Bearer {minted(TOKEN, iat=None)}",
        "no user": f"Bearer {minted(TOKEN, sub=None)}",
        "an empty user": f"Bearer {minted(TOKEN, '')}",
        "a user that is no text": f"Bearer {minted(TOKEN, sub=7)}",
        "an end that is no number": f"Bearer {minted(TOKEN, exp='x')}",
        "an endless number": f"Bearer {signed(HEADER, claims(exp=float('inf')), TOKEN)}",
        "rubbish": "Bearer a.b.c",
        "deep": f"Bearer {encoded(b'[' * 2900)}.e30.x",
        "half": "Bearer eyJ",
        "a list": f"Bearer {encoded(b'[]')}.{encoded(b'[]')}.",
    }


@pytest.mark.parametrize("name", wrong())
def test_tokens_that_prove_nothing(server: Program, name: str) -> None:
    authorization = wrong()[name]
    call = {"name": "list_tasks", "arguments": {}}
    for body in (LISTING, LISTING | {"method": "tools/call", "params": call}):
        status, text = post(server, body, Authorization=authorization)
        assert status == 401 and json.loads(text)["error"]["code"] == "unauthenticated"
        assert "Traceback" not in text and TOKEN not in text


async def test_two_users(server: Program) -> None:
    async with connected(server.url, "alice") as alice, connected(server.url, "bob") as bob:
        task = await alice.call("add_task", title="hers")
        number = task["id"]
        assert "hers" in await alice.titles() and "hers" not in await bob.titles()
        others: list[tuple[str, dict[str, Any]]] = [
            ("complete_task", {}),
            ("update_task", {"title": "stolen"}),
            ("delete_task", {}),
        ]
        for name, more in others:
            message = await bob.error(name, task_id=number, **more)
            assert f"There is no task {number}." in message
        for other in ({"user": "alice"}, {"user_id": "alice"}, {"X-User-Id": "alice"}):
            assert "no argument" in await bob.error("list_tasks", **other)
        listed = (await alice.call("list_tasks"))["tasks"][-1]
        assert listed == {key: task[key] for key in listed}
        await alice.call("delete_task", task_id=number)


async def test_a_header_names_no_user(server: Program) -> None:
    async with connected(server.url, "carol") as carol:
        await carol.call("add_task", title="of carol")
        call = {"name": "list_tasks", "arguments": {}}
        status, text = post(
            server,
            LISTING | {"method": "tools/call", "params": call},
            Authorization=f"Bearer {minted(TOKEN, 'dave')}",
            **{"X-User-Id": "carol"},
        )
        assert status == 200 and "of carol" not in text


async def test_users_at_once_are_not_mixed_up() -> None:
    seen: list[str] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request.headers["Authorization"])
        return httpx2.Response(200, json=[])

    async with faked(answer) as (_, http):
        call = LISTING | {"method": "tools/call", "params": {"name": "list_tasks", "arguments": {}}}
        sent = [f"Bearer {minted(TOKEN, f'user{number}')}" for number in range(20)]

        async def ask(authorization: str) -> None:
            headers = {
                "Authorization": authorization,
                "Accept": "application/json, text/event-stream",
            }
            assert (await http.post("/mcp", json=call, headers=headers)).status_code == 200

        async with anyio.create_task_group() as group:
            for authorization in sent:
                group.start_soon(ask, authorization)
    assert sorted(seen) == sorted(sent)
