"""No user can read or change the data of another user, on any route."""

from typing import Any

from sqlalchemy import select
from sqlmodel import SQLModel

from tests.conftest import Start
from tests.support import TOKEN, App, refused
from tests.talk import talking

# Every operation on a single task, with its body.
SINGLE: list[tuple[str, str, Any]] = [
    ("GET", "/{number}", None),
    ("PATCH", "/{number}", {"title": "stolen"}),
    ("POST", "/{number}/complete", None),
    ("DELETE", "/{number}", None),
]
WHOLE = [("GET", ""), ("POST", "")]


async def test_every_route_is_tested_here(app: App) -> None:
    expected = {("GET", path) for path in ("/health", "/ready", "/api/health", "/api/config")}
    # Tested in test_accounts.py.
    expected |= {("GET", "/api/chat/messages"), ("DELETE", "/api/chat/messages")}
    expected |= {("POST", "/api/chat"), ("DELETE", "/api/account")}
    for prefix in ("/api/tasks", "/internal/tasks"):
        expected |= {(method, prefix + path) for method, path in WHOLE}
        expected |= {(method, prefix + path) for method, path, _ in SINGLE}
    paths = {
        (method.upper(), path)
        for path, operations in app.api.openapi()["paths"].items()
        for method in operations
    }
    assert paths == expected


async def test_tasks_of_another_user_do_not_exist(app: App) -> None:
    app.become("alice")
    task = await app.add("hers", description="private")
    app.become("bob")
    assert await app.titles() == []
    mine = await app.add("his")
    for method, path, body in SINGLE:
        place = path.format(number=task["id"])
        theirs = await app.client.request(method, f"/api/tasks{place}", json=body)
        absent = path.format(number=999_999)
        nobodys = await app.client.request(method, f"/api/tasks{absent}", json=body)
        # The same response as for a task that does not exist.
        message = refused(theirs, 404, "not_found")
        expected = refused(nobodys, 404, "not_found").replace("999999", str(task["id"]))
        assert message == expected
    assert await app.titles() == ["his"]
    app.become("alice")
    assert (await app.client.get(f"/api/tasks/{task['id']}")).json() == task
    assert await app.titles() == ["hers"]
    assert mine["id"] != task["id"]


async def test_the_internal_api_is_scoped_by_its_token(app: App) -> None:
    hers = (await app.internal("POST", "", "alice", json={"title": "hers"})).json()
    await app.internal("POST", "", json={"title": "of local"})
    for method, path, body in SINGLE:
        answer = await app.internal(method, path.format(number=hers["id"]), "bob", json=body)
        refused(answer, 404, "not_found")
    assert (await app.internal("GET", "", "bob")).json() == []
    assert (await app.internal("GET", "", "alice")).json() == [hers]
    assert await app.titles() == ["of local"]
    app.become("alice")
    assert await app.titles() == ["hers"]


async def test_only_the_own_data_is_deleted(database_url: str, start: Start) -> None:
    async with talking(start, DATABASE_URL=database_url) as talk:
        app = talk.app
        for user in ("alice", "bob"):
            app.become(user)
            await app.add(f"of {user}")
            await talk.ask(f"said by {user}")
        assert (await app.client.delete("/api/account")).status_code == 204
        assert await app.titles() == [] and await talk.messages() == []
        async with app.parts.database.reading() as session:
            for table in SQLModel.metadata.sorted_tables:
                rows = str((await session.execute(select(table))).all())
                assert "bob" not in rows and "alice" in rows, table.name
        app.become("alice")
        assert await app.titles() == ["of alice"] and len(await talk.messages()) == 2
        # Who starts again finds an empty list.
        app.become("bob")
        await app.add("new")
        assert await app.titles() == ["new"]


async def test_the_public_api_takes_no_user_from_outside(app: App) -> None:
    await app.add("of local")
    for headers in ({"X-User-Id": "alice"}, {"Authorization": f"Bearer {TOKEN}"}):
        answer = await app.client.get("/api/tasks?user_id=alice", headers=headers)
        assert [task["title"] for task in answer.json()] == ["of local"]
