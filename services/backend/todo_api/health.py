"""The endpoints for liveness and readiness."""

import asyncio
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse

from todo_api.runtime import Runtime, runtime

router = APIRouter()


@router.get("/health")
async def health() -> dict[str, str]:
    """The process responds. It does not check the database, which a restart would not fix."""
    return {"status": "ok"}


@router.get("/api/config")
async def config(request: Request) -> dict[str, Any]:
    """What the page needs before a user is logged in."""
    settings = runtime(request).settings
    provider = settings.provider
    ai = {"provider": provider.name, "model": provider.model, "mock": provider.mock}
    return {"accounts": bool(settings.jwks_url), "ai": ai}


@router.get("/ready")
@router.get("/api/health")
async def ready(request: Request) -> JSONResponse:
    """Lists what is down. Only the database and its tables are required."""
    parts = runtime(request)
    (database, migrations, cause), redis, neighbours = await asyncio.gather(
        parts.readiness.state(), _redis(parts), parts.neighbours.states()
    )
    checks = {"database": database, "migrations": migrations, "redis": redis} | neighbours
    down = [name for name in ("database", "migrations") if checks[name] != "up"]
    missed = [name for name in ("redis", "mcp", "ai") if checks[name] == "down"]
    status = "down" if down else "degraded" if missed else "ok"
    named = down + missed
    if cause:
        # For the log line of this request; clients are not told where the database is.
        request.scope["cause"] = f"the database cannot be used: {cause}"
    # `degraded` lists the optional parts of `down`.
    body = {"status": status, "down": named, "degraded": missed, "checks": checks}
    return JSONResponse(body, 503 if down else 200)


async def _redis(parts: Runtime) -> str:
    if parts.cache.redis is None:
        return "off"
    return "up" if await parts.cache.answers() else "down"
