"""Runs a service: reads the environment, writes JSON log lines, exits cleanly on SIGTERM."""

import os
import signal
from collections.abc import Callable, Mapping
from typing import TypeVar

import uvicorn
from starlette.applications import Starlette

from todo_common import logs
from todo_common.settings import ProcessSettings, SettingsError

Settings = TypeVar("Settings", bound=ProcessSettings)
# Seconds that open connections have to finish after the signal.
GRACE_S = 5


def run(
    read: Callable[[Mapping[str, str]], Settings],
    create_app: Callable[[Settings], Starlette],
    server_of: Callable[[uvicorn.Config, Starlette], uvicorn.Server] | None = None,
) -> int:
    """Serves the application until a signal arrives; returns the exit code."""
    try:
        settings = read(dict(os.environ))
    except SettingsError as error:
        logs.configure("INFO")
        fields = {"problems": error.problems}
        logs.log.error("the settings are invalid", extra={"fields": fields})
        return 2
    app = create_app(settings)
    # After `create_app`: a library may configure logging there.
    logs.configure(settings.log_level, settings.secrets())
    # uvicorn raises the signal again after its shutdown; a requested exit is not a failure.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        loop="asyncio",
        log_config=None,
        access_log=False,
        server_header=False,
        # Longer than an ingress keeps idle connections (90 s): the ingress closes a connection
        # first, and no request meets a closed one.
        timeout_keep_alive=120,
        timeout_graceful_shutdown=GRACE_S,
    )
    server = server_of(config, app) if server_of else uvicorn.Server(config)
    logs.info("started", environment=settings.environment, port=settings.port)
    server.run()
    logs.info("stopped")
    return 0 if server.started else 1
