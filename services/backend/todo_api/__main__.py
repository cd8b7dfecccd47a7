"""Starts the server: reads the environment, writes JSON lines, ends cleanly on SIGTERM."""

import logging
import os
import signal
import sys

import uvicorn

from todo_api import logs
from todo_api.application import create_app
from todo_api.server import CONNECTIONS, Server
from todo_api.settings import Settings, SettingsError

log = logging.getLogger("todo_api")


def main() -> int:
    try:
        settings = Settings.of(dict(os.environ))
    except SettingsError as error:
        logs.configure("INFO")
        log.error("the settings cannot be used", extra={"fields": {"problems": error.problems}})
        return 2
    logs.configure(settings.log_level, settings.secrets())
    # uvicorn raises the signal once more after its shutdown; an end on request is no failure.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    app = create_app(settings)
    server = Server(
        uvicorn.Config(
            app,
            host=settings.host,
            port=settings.port,
            loop="asyncio",
            log_config=None,
            access_log=False,
            server_header=False,
            # Longer than an ingress keeps its idle connections (90 s), so that it is always the
            # ingress that closes one and no request meets a closed connection.
            timeout_keep_alive=120,
            timeout_graceful_shutdown=CONNECTIONS,
        ),
        app.state.runtime.turns,
    )
    server.run()
    log.info("stopped")
    return 0 if server.started else 1


if __name__ == "__main__":
    sys.exit(main())
