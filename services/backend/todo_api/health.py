"""Whether the process lives, and whether it can do its work."""

import asyncio
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse

from todo_api.errors import DatabaseAway
from todo_api.runtime import Runtime, runtime

# Seconds; a probe that waits longer than Kubernetes does says nothing.
PATIENCE = 2.0

router = APIRouter()
# The event loop itself does not keep a task alive.
_unfinished: set[asyncio.Task[str | None]] = set()


@router.get("/health")
async def health() -> dict[str, str]:
    """The process answers. Nothing else is asked: a restart would not mend a database."""
    return {"status": "ok"}


@router.get("/api/config")
async def config(request: Request) -> dict[str, Any]:
    """What a page must know before anybody is logged in."""
    settings = runtime(request).settings
    provider = settings.provider
    ai = {"provider": provider.name, "model": provider.model, "mock": provider.mock}
    return {"accounts": bool(settings.jwks_url), "ai": ai}


@router.get("/ready")
@router.get("/api/health")
async def ready(request: Request) -> JSONResponse:
    """Names what is down: the database and its tables are needed, all others are not."""
    parts = runtime(request)
    (database, migrations), redis, neighbours = await asyncio.gather(
        _database(parts), _redis(parts), parts.neighbours.states()
    )
    checks = {"database": database, "migrations": migrations, "redis": redis} | neighbours
    down = [name for name in ("database", "migrations") if checks[name] != "up"]
    missed = [name for name in ("redis", "mcp", "ai") if checks[name] == "down"]
    status = "down" if down else "degraded" if missed else "ok"
    named = down + missed
    # `degraded` are those of `down` without which all works but what they are for.
    body = {"status": status, "down": named, "degraded": missed, "checks": checks}
    return JSONResponse(body, 503 if down else 200)


async def _database(parts: Runtime) -> tuple[str, str]:
    asking = asyncio.create_task(_revision(parts))
    _unfinished.add(asking)
    asking.add_done_callback(_finished)
    await asyncio.wait({asking}, timeout=PATIENCE)
    if not asking.done():
        # Not waited for: a driver takes its time to give up a connection that is silent.
        asking.cancel()
    if not asking.done() or isinstance(asking.exception(), DatabaseAway):
        return "down", "unknown" if parts.migrations.done else "waiting"
    present = asking.result()
    if present is None and parts.migrations.done:
        # Someone put an empty database in the place of ours.
        parts.migrations.again()
    return "up", "up" if parts.migrations.done else "waiting"


def _finished(asked: asyncio.Task[str | None]) -> None:
    _unfinished.discard(asked)
    if not asked.cancelled():
        # Looked at, or asyncio complains about an error that nobody waited for.
        asked.exception()


async def _revision(parts: Runtime) -> str | None:
    async with parts.database.transaction() as session:
        return await parts.migrations.present(session)


async def _redis(parts: Runtime) -> str:
    if parts.cache.redis is None:
        return "off"
    return "up" if await parts.cache.answers() else "down"
