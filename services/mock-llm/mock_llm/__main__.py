"""Starts the server."""

import sys

from mock_llm.server import Settings, create_app
from todo_common import process

if __name__ == "__main__":
    sys.exit(process.run(Settings.of, create_app))
