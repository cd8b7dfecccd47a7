"""Requests that the API rejects, and the errors."""

from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Start
from tests.support import App, refused


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """These tests do not depend on the database."""
    return f"sqlite:///{tmp_path}/todo.db"


TITLES: list[Any] = [
    "",
    "   ",
    "\t\n",
    "x" * 201,
    "a\x00b",
    "a\nb",
    "a\x1bb",
    "a\x7fb",
    "a\x85b",
    "a\u2028b",
    # Invisible: zero-width spaces, direction marks.
    "\u200b",
    " \u202e\u2066\xa0 ",
    7,
    True,
    None,
    ["x"],
]


@pytest.mark.parametrize("title", TITLES)
async def test_titles(app: App, title: Any) -> None:
    task = await app.add("before")
    message = refused(
        await app.client.post("/api/tasks", json={"title": title}), 422, "validation_error"
    )
    assert message.startswith("title: ")
    answer = await app.client.patch(f"/api/tasks/{task['id']}", json={"title": title})
    refused(answer, 422, "validation_error")
    assert await app.titles() == ["before"]


@pytest.mark.parametrize("description", ["x" * 2001, "a\x00b", "a\x1bb", 7, False, {}])
async def test_descriptions(app: App, description: Any) -> None:
    body = {"title": "x", "description": description}
    message = refused(await app.client.post("/api/tasks", json=body), 422, "validation_error")
    assert message.startswith("description: ")


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        "x",
        None,
        {"title": "x", "user_id": "eve"},
        {"title": "x", "id": 1},
        {"title": "x", "completed": True},
    ],
)
async def test_new_tasks_of_another_shape(app: App, body: Any) -> None:
    refused(await app.client.post("/api/tasks", json=body), 422, "validation_error")


@pytest.mark.parametrize(
    "body", [{"user_id": "eve"}, {"completed": "yes"}, {"completed": 1}, {"completed": None}, []]
)
async def test_changes_of_another_shape(app: App, body: Any) -> None:
    task = await app.add("x")
    where = f"/api/tasks/{task['id']}"
    refused(await app.client.patch(where, json=body), 422, "validation_error")
    assert (await app.client.get(where)).json() == task


@pytest.mark.parametrize(
    "content",
    [b"", b'{"title": "x", "\\ud800": 1}', b"{", b'{"title": "\xff"}', b'{"title": "\\ud800"}'],
)
async def test_bodies_that_are_no_json(app: App, content: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    answer = await app.client.post("/api/tasks", content=content, headers=headers)
    code = "bad_request" if answer.status_code == 400 else "validation_error"
    refused(answer, answer.status_code, code)
    assert answer.status_code in (400, 422)


@pytest.mark.parametrize(
    "number", ["0", "-1", "x", "1.5", "2e3", "2147483648", "9223372036854775808", "9" * 400, "%00"]
)
async def test_ids_that_are_none(app: App, number: str) -> None:
    for method, path, body in (
        ("GET", "", None),
        ("PATCH", "", {"title": "x"}),
        ("DELETE", "", None),
        ("POST", "/complete", None),
    ):
        answer = await app.client.request(method, f"/api/tasks/{number}{path}", json=body)
        refused(answer, 422, "validation_error")


async def test_what_was_sent_is_not_sent_back(app: App) -> None:
    answer = await app.client.post("/api/tasks", json={"title": "canary\x00" * 50})
    assert "canary" not in answer.text


async def test_large_bodies_are_refused_unread(start: Start, tmp_path: Any) -> None:
    async def chunks() -> Any:
        for _ in range(1000):
            yield b"x" * 1024

    async with start(DATABASE_URL=f"sqlite:///{tmp_path}/x.db") as app:
        for content in (b"x" * 70_000, chunks()):
            headers = {"Content-Type": "application/json"}
            answer = await app.client.post("/api/tasks", content=content, headers=headers)
            refused(answer, 413, "too_large")


async def test_unknown_places(app: App) -> None:
    refused(await app.client.get("/api/none"), 404, "not_found")
    refused(await app.client.put("/api/tasks"), 405, "method_not_allowed")
    # The description of the API is not published in production.
    refused(await app.client.get("/api/openapi.json"), 404, "not_found")
    refused(await app.client.get("/docs"), 404, "not_found")
