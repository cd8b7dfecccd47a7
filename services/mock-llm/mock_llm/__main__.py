"""Starts the server: reads the environment, writes JSON lines, ends cleanly on SIGTERM."""

import logging
import os
import signal
import sys

import uvicorn

from mock_llm import logs
from mock_llm.server import create_app
from mock_llm.settings import Settings, SettingsError

log = logging.getLogger("mock_llm")


def main() -> int:
    try:
        settings = Settings.of(dict(os.environ))
    except SettingsError as error:
        logs.configure("INFO")
        log.error("the settings cannot be used", extra={"fields": {"problems": error.problems}})
        return 2
    logs.configure(settings.log_level)
    app = create_app(settings)
    # uvicorn raises the signal once more after its shutdown; an end on request is no failure.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            host=settings.host,
            port=settings.port,
            loop="asyncio",
            log_config=None,
            access_log=False,
            server_header=False,
            # Longer than clients keep idle connections, so that no request meets a closed one.
            timeout_keep_alive=120,
            timeout_graceful_shutdown=5,
        )
    )
    server.run()
    log.info("stopped")
    return 0 if server.started else 1


if __name__ == "__main__":
    sys.exit(main())
