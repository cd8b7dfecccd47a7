"""The keys of the account service: read on demand, cached, and validated."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.accounts import URL, Issuer
from tests.conftest import Start
from tests.support import App, refused
from tests.test_accounts import get
from todo_api import jwks


class Clock:
    """The clock of the keys."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(jwks, "time", found)
    return found


@pytest.fixture
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
async def app(start: Start, tmp_path: Path, issuer: Issuer) -> AsyncIterator[App]:
    async with start(DATABASE_URL=f"sqlite:///{tmp_path}/x.db", AUTH_JWKS_URL=URL) as running:
        issuer.serve(running)
        yield running


async def test_a_new_key_is_found(app: App, issuer: Issuer, clock: Clock) -> None:
    assert (await get(app, issuer.token())).status_code == 200
    issuer.add("second", "ES256")
    # At most every ten seconds, whatever clients send.
    for _ in range(5):
        refused(await get(app, issuer.token(key_id="second")), 401, "unauthenticated")
    assert issuer.reads == 1
    clock.now += 11
    assert (await get(app, issuer.token(key_id="second"))).status_code == 200
    assert issuer.reads == 2


async def read(app: App) -> None:
    """Waits for the read of the keys that is running."""
    keys = app.parts.keys
    assert keys is not None and keys._reading is not None
    await keys._reading


async def test_accounts_that_hang(
    app: App, issuer: Issuer, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await get(app, issuer.token())).status_code == 200
    issuer.delay_s = 60.0
    monkeypatch.setattr(jwks, "READ_TIMEOUT_S", 0.5)
    clock.now += 601
    # Their key is known: nobody waits, however many tokens with unknown keys arrive.
    for name in ("a", "b", "c"):
        issuer.private[name] = issuer.private["first"]
    junk = [asyncio.create_task(get(app, issuer.token(key_id=name))) for name in ("a", "b", "c")]
    began = time.monotonic()
    answers = await asyncio.gather(*(get(app, issuer.token(f"user{n}")) for n in range(6)))
    assert {answer.status_code for answer in answers} == {200}
    assert not any(each.done() for each in junk), "a valid user waited for the accounts"
    for answer in await asyncio.gather(*junk):
        refused(answer, 503, "accounts_unavailable")
    # They waited for the same read, at the same time.
    assert issuer.reads == 2 and time.monotonic() - began < 3 * 0.5


async def test_a_key_that_was_withdrawn(app: App, issuer: Issuer, clock: Clock) -> None:
    assert (await get(app, issuer.token())).status_code == 200
    token = issuer.token()
    issuer.published["keys"].clear()
    issuer.add("second")
    clock.now += 601
    await get(app, token)
    await read(app)
    refused(await get(app, token), 401, "unauthenticated")
    assert (await get(app, issuer.token(key_id="second"))).status_code == 200


async def test_accounts_that_go_away_and_come_back(app: App, issuer: Issuer, clock: Clock) -> None:
    issuer.away = True
    refused(await get(app, issuer.token()), 503, "accounts_unavailable")
    issuer.away = False
    clock.now += 3
    assert (await get(app, issuer.token())).status_code == 200
    issuer.away = True
    clock.now += 601
    # Users whose key is known stay logged in for a while.
    assert (await get(app, issuer.token())).status_code == 200
    issuer.add("second")
    refused(await get(app, issuer.token(key_id="second")), 503, "accounts_unavailable")
    reads = issuer.reads
    for _ in range(5):
        refused(await get(app, issuer.token(key_id="second")), 503, "accounts_unavailable")
    assert issuer.reads == reads
    clock.now += 3001
    refused(await get(app, issuer.token()), 503, "accounts_unavailable")
    issuer.away = False
    clock.now += 3
    assert (await get(app, issuer.token())).status_code == 200


BROKEN = [
    httpx2.Response(500),
    httpx2.Response(302, headers={"Location": "http://evil"}),
    httpx2.Response(200, text="<html>canary"),
    httpx2.Response(200, json=[]),
    httpx2.Response(200, json={"keys": None}),
    httpx2.Response(200, json={"keys": ["x" * 70_000]}),
    httpx2.Response(200, content=b"[" * 5000),
]


@pytest.mark.parametrize("answer", BROKEN)
async def test_answers_that_are_no_keys(app: App, issuer: Issuer, answer: httpx2.Response) -> None:
    issuer.answer = answer
    response = await get(app, issuer.token())
    assert "canary" not in refused(response, 503, "accounts_unavailable")


async def test_keys_that_are_not_used(app: App, issuer: Issuer) -> None:
    good = issuer.published["keys"][0]
    odd: list[Any] = [
        None,
        7,
        {},
        {"kid": "a"},
        {"kid": "a", "kty": "oct", "k": "c2VjcmV0", "alg": "HS256"},
        good | {"kid": "b", "alg": "none"},
        good | {"kid": "c", "x": "!"},
        good | {"kid": ["d"]},
        good | {"kid": "e", "use": "enc"},
        good | {"kid": "f", "d": "private"},
        good | {"kid": "g", "crv": "X25519"},
        good | {"kid": "h", "kty": ["OKP"]},
    ]
    issuer.published["keys"] = [*odd, good]
    assert (await get(app, issuer.token())).status_code == 200
    assert app.parts.keys is not None and set(app.parts.keys.keys) == {"first"}
