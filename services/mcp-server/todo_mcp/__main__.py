"""Starts the server."""

import sys

from todo_common import process
from todo_mcp.server import create_app
from todo_mcp.settings import Settings

if __name__ == "__main__":
    sys.exit(process.run(Settings.of, create_app))
