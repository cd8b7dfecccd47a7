"""Assembles the application."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware

from todo_api import account, errors, health
from todo_api.body_limit import BodyLimit
from todo_api.chat import routes as chat
from todo_api.identity import limited_user, user_of_service
from todo_api.routes import task_routes
from todo_api.runtime import Runtime
from todo_api.settings import Settings
from todo_common import logs
from todo_common.requests import HEADER, Requests


def create_app(settings: Settings) -> FastAPI:
    parts = Runtime.of(settings)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        # In the background: `/health` responds while the database is starting.
        migrating = asyncio.create_task(parts.migrations.run())
        try:
            yield
        finally:
            logs.info("stopping")
            migrating.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await migrating
            await parts.close()

    # The page loads scripts of another host, so it is for developers only.
    page = "/api/docs" if settings.environment == "development" else None
    described = "/api/openapi.json" if settings.environment != "production" else None
    app = FastAPI(
        title="todo", lifespan=lifespan, docs_url=page, redoc_url=None, openapi_url=described
    )
    app.state.runtime = parts
    errors.install(app)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["GET", "POST", "PATCH", "DELETE"],
            allow_headers=["Authorization", "Content-Type", HEADER],
            expose_headers=[HEADER],
        )
    app.add_middleware(BodyLimit)
    # Added last, so it is outermost: every response gets its ID and its log line.
    app.add_middleware(
        Requests,
        refuse=errors.answer,
        browsers=True,
        quiet=("/health", "/ready", "/api/health"),
        headers={"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"},
    )
    app.include_router(health.router)
    app.include_router(task_routes("/api/tasks", limited_user))
    app.include_router(chat.router)
    app.include_router(account.router)
    app.include_router(task_routes("/internal/tasks", user_of_service))
    return app
