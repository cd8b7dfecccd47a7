"""Who may use the internal API."""

from pathlib import Path

import pytest

from tests.conftest import Start
from tests.support import TOKEN, App, refused


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """What is tested here is the same with every database."""
    return f"sqlite:///{tmp_path}/todo.db"


ROUTES = [
    ("GET", ""),
    ("POST", ""),
    ("GET", "/1"),
    ("PATCH", "/1"),
    ("DELETE", "/1"),
    ("POST", "/1/complete"),
]
WRONG = [
    "",
    TOKEN,
    f"Basic {TOKEN}",
    f"bearer {TOKEN}",
    "Bearer",
    "Bearer ",
    "Bearer wrong",
    f"Bearer {TOKEN}x",
    f"Bearer {TOKEN[:-1]}",
    f"Bearer  {TOKEN}",
    "Bearer é",
]


@pytest.mark.parametrize("method, path", ROUTES)
async def test_strangers_are_refused(app: App, method: str, path: str) -> None:
    await app.add("x")
    for value in WRONG:
        headers = [(b"Authorization", value.encode())] if value else []
        answer = await app.client.request(
            method, f"/internal/tasks{path}", headers=headers, json={"title": "stolen"}
        )
        refused(answer, 401, "unauthorized")
    assert await app.titles() == ["x"]


@pytest.mark.parametrize("token", ["", "   "])
async def test_without_a_token_nobody_gets_in(start: Start, tmp_path: Path, token: str) -> None:
    url = f"sqlite:///{tmp_path}/x.db"
    async with start(DATABASE_URL=url, INTERNAL_API_TOKEN=token) as app:
        for value in ("", "Bearer ", "Bearer", f"Bearer {token}"):
            answer = await app.client.get("/internal/tasks", headers={"Authorization": value})
            refused(answer, 401, "unauthorized")


@pytest.mark.parametrize("user", ["a b", "ü", "x" * 129, "../x", "-x", "a\tb"])
async def test_ids_of_users_are_checked(app: App, user: str) -> None:
    headers = [
        (b"Authorization", f"Bearer {TOKEN}".encode()),
        (b"X-User-Id", user.encode()),
    ]
    answer = await app.client.get("/internal/tasks", headers=headers)
    refused(answer, 400, "bad_request")


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
