"""Tokens of users: valid ones, and all kinds of forged ones."""

import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.accounts import URL, Issuer
from tests.conftest import Start
from tests.forgeries import forged
from tests.support import App, refused

ROUTES = [
    ("GET", "/api/tasks"),
    ("POST", "/api/tasks"),
    ("GET", "/api/tasks/1"),
    ("PATCH", "/api/tasks/1"),
    ("DELETE", "/api/tasks/1"),
    ("POST", "/api/tasks/1/complete"),
    ("POST", "/api/chat"),
    ("GET", "/api/chat/messages"),
    ("DELETE", "/api/chat/messages"),
]


@pytest.fixture
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
async def app(start: Start, tmp_path: Path, issuer: Issuer) -> AsyncIterator[App]:
    async with start(DATABASE_URL=f"sqlite:///{tmp_path}/x.db", AUTH_JWKS_URL=URL) as running:
        issuer.serve(running)
        yield running


async def get(app: App, token: str, path: str = "/api/tasks") -> httpx2.Response:
    return await app.client.get(path, headers={"Authorization": f"Bearer {token}"})


@pytest.mark.parametrize("algorithm", ["EdDSA", "ES256", "RS256"])
async def test_good_tokens(app: App, issuer: Issuer, algorithm: str) -> None:
    issuer.add("x", algorithm)
    assert (await get(app, issuer.token("alice", "x"))).json() == []
    # Within the accepted clock difference.
    assert (await get(app, issuer.token(key_id="x", exp=int(time.time()) - 10))).status_code == 200
    assert issuer.reads == 1


async def test_forged_tokens(app: App, issuer: Issuer) -> None:
    issuer.log_in(app, "alice")
    await app.add("hers")
    for name, token in forged(issuer).items():
        answer = await get(app, token)
        assert answer.status_code == 401, name
        message = refused(answer, 401, "unauthenticated")
        assert "hers" not in answer.text and "Error" not in message
    # None of them caused repeated reads of the keys.
    assert issuer.reads == 1


@pytest.mark.parametrize("method, path", ROUTES)
async def test_nothing_without_a_token(app: App, method: str, path: str) -> None:
    for headers in ({}, {"Authorization": "Basic x"}, {"X-User-Id": "local"}):
        # An invalid body is not reported to clients without a token.
        answer = await app.client.request(method, path, headers=headers, content=b"{")
        refused(answer, 401, "unauthenticated")
        assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("name", ["token", "access_token", "authorization", "jwt"])
async def test_a_token_elsewhere_counts_for_nothing(app: App, issuer: Issuer, name: str) -> None:
    # URLs end up in logs and histories.
    token = issuer.token()
    for value in (token, f"Bearer {token}"):
        answer = await app.client.get("/api/tasks", params={name: value})
        refused(answer, 401, "unauthenticated")
        refused(
            await app.client.get("/api/tasks", headers={"Cookie": f"{name}={token}"}),
            401,
            "unauthenticated",
        )


async def test_what_everybody_may_know(app: App, start: Start, tmp_path: Path) -> None:
    mock = {"provider": "mock", "model": "mock-todo", "mock": True}
    assert (await app.client.get("/api/config")).json() == {"accounts": True, "ai": mock}
    more = {"GROQ_API_KEY": "key-canary"}
    async with start(DATABASE_URL=f"sqlite:///{tmp_path}/y.db", **more) as other:
        answer = await other.client.get("/api/config")
        assert answer.json()["accounts"] is False
        assert answer.json()["ai"]["provider"] == "groq" and "canary" not in answer.text
        assert await other.titles() == []


async def test_two_users(app: App, issuer: Issuer) -> None:
    issuer.log_in(app, "alice")
    task = await app.add("hers")
    issuer.log_in(app, "bob")
    assert await app.titles() == []
    paths: list[tuple[str, str, Any]] = [
        ("GET", "", None),
        ("PATCH", "", {"title": "stolen"}),
        ("POST", "/complete", None),
        ("DELETE", "", None),
    ]
    for method, path, body in paths:
        place = f"/api/tasks/{task['id']}{path}"
        headers = {"X-User-Id": "alice"}
        answer = await app.client.request(method, place, json=body, headers=headers)
        refused(answer, 404, "not_found")
    assert (await app.client.get("/api/tasks?user_id=alice&sub=alice")).json() == []
    # Nobody can log in as the user `local`.
    assert (await get(app, issuer.token("local-other"))).json() == []
    issuer.log_in(app, "alice")
    assert (await app.client.get(f"/api/tasks/{task['id']}")).json() == task
