"""An application behind a real socket, so that clients can disconnect."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import uvicorn

from tests.support import App
from todo_api.server import Server
from todo_testing.program import free_port


@contextlib.asynccontextmanager
async def listening(app: App) -> AsyncIterator[int]:
    """The port on which it listens."""
    port = free_port()
    # The fixture that started the application runs its lifespan.
    config = uvicorn.Config(
        app.api, host="127.0.0.1", port=port, lifespan="off", log_config=None, access_log=False
    )
    server = Server(config, app.api)
    # Otherwise it would handle the signals of pytest.
    server.capture_signals = contextlib.nullcontext  # type: ignore[assignment, method-assign]
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield port
    finally:
        server.should_exit = True
        await serving
