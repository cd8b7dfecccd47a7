"""Tasks through the API, on both kinds of database."""

import asyncio
from datetime import UTC, datetime, timedelta

from tests.support import App, refused


async def test_a_task_from_beginning_to_end(app: App) -> None:
    task = await app.add("  Buy groceries ", description="milk\neggs")
    assert task["title"] == "Buy groceries"
    assert task["description"] == "milk\neggs"
    assert task["completed"] is False
    assert task["created_at"] == task["updated_at"]
    moment = datetime.fromisoformat(task["created_at"])
    assert task["created_at"].endswith("Z")
    assert abs(datetime.now(UTC) - moment) < timedelta(seconds=10)
    assert set(task) == {"id", "title", "description", "completed", "created_at", "updated_at"}
    where = f"/api/tasks/{task['id']}"

    assert (await app.client.get(where)).json() == task
    changed = (await app.client.patch(where, json={"title": "Buy bread"})).json()
    assert changed == task | {"title": "Buy bread", "updated_at": changed["updated_at"]}
    assert changed["updated_at"] > task["updated_at"]
    done = (await app.client.post(f"{where}/complete")).json()
    assert done["completed"] is True
    assert (await app.client.post(f"{where}/complete")).json() == done
    undone = (await app.client.patch(where, json={"completed": False})).json()
    assert undone["completed"] is False

    answer = await app.client.delete(where)
    assert (answer.status_code, answer.content) == (204, b"")
    for method in ("GET", "DELETE"):
        refused(await app.client.request(method, where), 404, "not_found")
    refused(await app.client.patch(where, json={"title": "x"}), 404, "not_found")
    refused(await app.client.post(f"{where}/complete"), 404, "not_found")


async def test_lists_are_filtered_and_keep_the_order_of_their_making(app: App) -> None:
    tasks = [await app.add(title) for title in ("first", "second", "third")]
    await app.client.patch(f"/api/tasks/{tasks[1]['id']}", json={"completed": True})
    assert await app.titles() == ["first", "second", "third"]
    assert await app.titles("open") == ["first", "third"]
    assert await app.titles("done") == ["second"]
    refused(await app.client.get("/api/tasks?status=late"), 422, "validation_error")


async def test_a_change_of_nothing_is_no_change(app: App) -> None:
    task = await app.add("same", description="kept")
    where = f"/api/tasks/{task['id']}"
    for change in ({}, {"title": "same"}, {"completed": False}):
        assert (await app.client.patch(where, json=change)).json() == task


async def test_a_description_can_be_removed(app: App) -> None:
    for nothing in (None, "", "  "):
        task = await app.add("x", description="y")
        answer = await app.client.patch(f"/api/tasks/{task['id']}", json={"description": nothing})
        assert answer.json()["description"] is None
        assert answer.json()["title"] == "x"


async def test_texts_of_all_languages(app: App) -> None:
    title = "Käse 🧀 👩‍👩‍👧 牛乳 حليب '; DROP TABLE tasks; --"
    assert (await app.add(title))["title"] == title
    # Right-to-left text is stored as it was written; the page isolates it.
    for other in ("\u202egnp.exe", "\u200fשלמ", "🧑\u200d🚀", "e\u0301"):
        task = await app.add(other)
        assert task["title"] == other
        await app.client.delete(f"/api/tasks/{task['id']}")
    assert (await app.add("ü" * 200))["title"] == "ü" * 200
    assert await app.titles() == [title, "ü" * 200]


async def test_changes_at_the_same_moment(app: App) -> None:
    for _ in range(15):
        where = f"/api/tasks/{(await app.add('x'))['id']}"
        answers = await asyncio.gather(
            app.client.patch(where, json={"title": "y"}),
            app.client.post(f"{where}/complete"),
            app.client.delete(where),
            app.client.patch(where, json={"description": "z"}),
            app.client.delete(where),
        )
        # Late requests found nothing, and none caused an internal error.
        assert {answer.status_code for answer in answers} <= {200, 204, 404}
        assert [answer.status_code for answer in answers].count(204) == 1
    assert await app.titles() == []
