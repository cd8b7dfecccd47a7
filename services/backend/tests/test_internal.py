"""Access to the internal API."""

import time
from pathlib import Path

import pytest

from tests.conftest import Start
from tests.support import TOKEN, App, refused
from todo_testing.tokens import claims, encoded, minted, signed


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """These tests do not depend on the database."""
    return f"sqlite:///{tmp_path}/todo.db"


ROUTES = [
    ("GET", ""),
    ("POST", ""),
    ("GET", "/1"),
    ("PATCH", "/1"),
    ("DELETE", "/1"),
    ("POST", "/1/complete"),
]


def wrong() -> list[str]:
    """Invalid headers, created on use because tokens expire."""
    now = int(time.time())
    good = minted(TOKEN)
    none = signed({"alg": "none"}, claims(), TOKEN).rpartition(".")[0]
    return [
        "",
        good,
        f"Basic {good}",
        "Bearer",
        "Bearer ",
        f"Bearer  {good}",
        "Bearer é",
        "Bearer wrong",
        # The secret itself is not a token.
        f"Bearer {TOKEN}",
        f"Bearer {minted('other')}",
        f"Bearer {minted('')}",
        f"Bearer {good[:-2]}",
        f"Bearer {good.rpartition('.')[0]}.",
        f"Bearer {none}.",
        f"Bearer {signed({'alg': 'HS512'}, claims(), TOKEN)}",
        f"Bearer {minted(TOKEN, aud='todo-api')}",
        f"Bearer {minted(TOKEN, iss='todo-chatbot')}",
        f"Bearer {minted(TOKEN, iat=now - 100, exp=now - 30)}",
        f"Bearer {minted(TOKEN, iat=now + 60, exp=now + 120)}",
        f"Bearer {minted(TOKEN, exp=now + 3600)}",
        f"Bearer {minted(TOKEN, exp=None)}",
        f"Bearer {minted(TOKEN, iat=None)}",
        f"Bearer {minted(TOKEN, sub=None)}",
        f"Bearer {minted(TOKEN, sub=7)}",
        f"Bearer {minted(TOKEN, exp=float('inf'))}",
        f"Bearer {encoded(b'[' * 2900)}.e30.x",
    ]


@pytest.mark.parametrize("method, path", ROUTES)
async def test_strangers_are_refused(app: App, method: str, path: str) -> None:
    await app.add("x")
    for value in wrong():
        headers = [(b"Authorization", value.encode())] if value else []
        answer = await app.client.request(
            method, f"/internal/tasks{path}", headers=headers, json={"title": "stolen"}
        )
        refused(answer, 401, "unauthenticated")
    assert await app.titles() == ["x"]


@pytest.mark.parametrize("token", ["", "   "])
async def test_without_a_token_nobody_gets_in(start: Start, tmp_path: Path, token: str) -> None:
    url = f"sqlite:///{tmp_path}/x.db"
    async with start(DATABASE_URL=url, INTERNAL_API_TOKEN=token) as app:
        for value in ("", "Bearer ", "Bearer", f"Bearer {token}", f"Bearer {minted(token)}"):
            answer = await app.client.get("/internal/tasks", headers={"Authorization": value})
            refused(answer, 401, "unauthenticated")


@pytest.mark.parametrize("user", ["", "a b", "ü", "x" * 129, "../x", "-x", "a\tb", "a\x00"])
async def test_ids_of_users_are_checked(app: App, user: str) -> None:
    refused(await app.internal("GET", "", user), 401, "unauthenticated")


async def test_a_header_names_no_user(app: App) -> None:
    await app.add("of local")
    headers = {"Authorization": f"Bearer {minted(TOKEN, 'bob')}", "X-User-Id": "local"}
    assert (await app.client.get("/internal/tasks", headers=headers)).json() == []


async def test_the_same_operations(app: App) -> None:
    task = (await app.internal("POST", "", json={"title": "x"})).json()
    where = f"/{task['id']}"
    assert (await app.internal("GET", where)).json() == task
    assert (await app.internal("PATCH", where, json={"title": "y"})).json()["title"] == "y"
    assert (await app.internal("POST", f"{where}/complete")).json()["completed"] is True
    assert len((await app.internal("GET", "?status=done")).json()) == 1
    assert (await app.internal("GET", "?status=open")).json() == []
    assert (await app.internal("DELETE", where)).status_code == 204
    refused(await app.internal("POST", "", json={"title": ""}), 422, "validation_error")
