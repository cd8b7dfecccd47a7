"""Log lines: one JSON object each on standard output, with the id of the request they belong to."""

import json
import logging
import sys
from collections.abc import Iterable
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import TextIO

request_id: ContextVar[str] = ContextVar("request_id", default="")


class JsonLines(logging.Formatter):
    """Writes a record as JSON. Known secrets are blotted out, whoever put them into a message."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        super().__init__()
        # The longest first: one may be part of another.
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
    """Sends every logger of the process, the libraries' too, to standard output as JSON lines.

    The level is that of our own lines. Libraries only warn: in what they tell besides are the
    texts and the tokens of users.
    """
    handler = logging.StreamHandler(stream or sys.stdout)
    handler.setFormatter(JsonLines(secrets))
    logging.basicConfig(
        level=max(logging.WARNING, getattr(logging, level)), handlers=[handler], force=True
    )
    logging.getLogger("todo_api").setLevel(level)
    for name in ("uvicorn", "uvicorn.error"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True


_log = logging.getLogger("todo_api")


def info(message: str, **fields: object) -> None:
    _log.info(message, extra={"fields": fields})


def warning(message: str, **fields: object) -> None:
    _log.warning(message, extra={"fields": fields})
