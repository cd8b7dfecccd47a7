"""Log lines: one JSON object per line on standard output, with the ID of the current request."""

import json
import logging
import sys
from collections.abc import Iterable
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import TextIO

request_id: ContextVar[str] = ContextVar("request_id", default="")

log = logging.getLogger("todo")


class JsonLines(logging.Formatter):
    """Writes a record as JSON and replaces known secrets, whichever code logged them."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        super().__init__()
        # Longest first: a secret may be part of another one.
        self.secrets = sorted((json.dumps(text)[1:-1] for text in secrets), key=len, reverse=True)

    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, UTC)
        line: dict[str, object] = {
            "time": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
            "logger": record.name,
        }
        if request_id.get():
            line["request_id"] = request_id.get()
        line.update(getattr(record, "fields", {}))
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        text = json.dumps(line, default=str)
        for secret in self.secrets:
            text = text.replace(secret, "***")
        return text


def configure(level: str, secrets: Iterable[str] = (), stream: TextIO | None = None) -> None:
    """Sends the records of all loggers to standard output as JSON lines.

    `level` applies to the services' own records. Libraries log warnings only: their other
    records contain the texts and the tokens of users.
    """
    handler = logging.StreamHandler(stream or sys.stdout)
    handler.setFormatter(JsonLines(secrets))
    logging.basicConfig(
        level=max(logging.WARNING, getattr(logging, level)), handlers=[handler], force=True
    )
    log.setLevel(level)
    for name in ("uvicorn", "uvicorn.error"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True


def record(level: int, message: str, **fields: object) -> None:
    """Logs a message with fields of its own."""
    log.log(level, message, extra={"fields": fields})


def info(message: str, **fields: object) -> None:
    record(logging.INFO, message, **fields)


def warning(message: str, **fields: object) -> None:
    record(logging.WARNING, message, **fields)
