"""Starts the server."""

import sys

from todo_api.application import create_app
from todo_api.server import Server
from todo_api.settings import Settings
from todo_common import process

if __name__ == "__main__":
    sys.exit(process.run(Settings.of, create_app, Server))
